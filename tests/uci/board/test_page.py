"""The board's page in a real Chromium: games, positions, reviews, and what may go wrong."""

import re

import chess
import httpx
import numpy as np
import pytest

from data_pipeline.encoding.values import ValueBins
from engine.play.move_choice import quantile
from tests.engine.review.test_review import HOSTILE, MATE
from tests.helpers.paths import ROOT
from tests.uci.board.conftest import SLOW_MS

playwright = pytest.importorskip("playwright.sync_api", reason="NO PLAYWRIGHT: PAGE NOT TESTED")
AXE = ROOT / "uci" / "board" / "page" / "node_modules" / "axe-core" / "axe.min.js"
PROMOTION = "8/P6k/8/8/8/8/8/K7 w - - 0 1"
MIDDLEGAME = "r1bqkb1r/ppp2ppp/2n5/3np1N1/2B5/8/PPPP1PPP/RNBQK2R w KQkq - 0 6"


def expect(found):
    return playwright.expect(found)


@pytest.fixture(scope="module", autouse=True)
def patience():
    playwright.expect.set_options(timeout=SLOW_MS)


def centre(page, square: str, flipped: bool = False) -> tuple[float, float]:
    """Where a square is on the page."""
    box = page.locator("#board").bounding_box()
    file, rank = ord(square[0]) - ord("a"), int(square[1]) - 1
    x, y = (7 - file, rank) if flipped else (file, 7 - rank)
    return box["x"] + (x + 0.5) * box["width"] / 8, box["y"] + (y + 0.5) * box["height"] / 8


def click_move(page, uci: str) -> None:
    for square in (uci[:2], uci[2:4]):
        page.mouse.click(*centre(page, square))


def drag_move(page, uci: str) -> None:
    page.mouse.move(*centre(page, uci[:2]))
    page.mouse.down()
    page.mouse.move(*centre(page, uci[2:4]), steps=4)
    page.mouse.up()


def moves_of(page, tab: str = "play"):
    return page.locator(f".{tab} .move")


def new_game(page, fen: str = "", color: str = "White") -> None:
    page.get_by_role("button", name="New game").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(color).check()
    dialog.get_by_label("From a position (FEN)").fill(fen)
    dialog.get_by_role("button", name="Start").click()


def test_a_game_by_click_and_drag_to_mate(tabs):
    page = tabs()
    click_move(page, "f2f3")
    expect(moves_of(page)).to_have_text(["f3", "e5"])
    drag_move(page, "g2g4")
    expect(moves_of(page)).to_have_text(["f3", "e5", "g4", "Qh4#"])
    expect(page.locator(".play .status")).to_contain_text("checkmate")
    expect(page.locator("#announce")).to_contain_text("queen h4, checkmate")
    page.reload()
    expect(page.locator(".play .status")).to_contain_text("0–1")


def test_a_game_from_the_keyboard(tabs):
    page = tabs()
    page.locator("#board").focus()
    expect(page.locator("#cursor")).to_be_visible()
    for key in ("Enter", "ArrowUp", "ArrowUp", "Enter"):  # the cursor starts on e2
        page.keyboard.press(key)
    expect(moves_of(page)).to_have_count(2)
    page.get_by_label("Type a move").fill("Nf3")
    page.keyboard.press("Enter")
    expect(moves_of(page)).to_have_count(4)
    page.get_by_label("Type a move").fill("Ke4")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("not a legal move")


def test_touch(browser, server):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(server.address)
    page.locator("body[data-ready]").wait_for()
    for square in ("e2", "e4"):
        page.touchscreen.tap(*centre(page, square))
    expect(moves_of(page).first).to_have_text("e4")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    context.close()


def test_promotion(tabs):
    page = tabs()
    new_game(page, PROMOTION)
    click_move(page, "a7a8")
    dialog = page.get_by_role("dialog", name="Promotion")
    expect(dialog.get_by_role("button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(moves_of(page)).to_have_count(0)
    drag_move(page, "a7a8")
    dialog.get_by_role("button", name="Promote to rook").click()
    expect(moves_of(page).first).to_have_text("a8=R")


def test_take_back_hint_resign_flip_and_reload(tabs):
    page = tabs()
    click_move(page, "d2d4")
    expect(moves_of(page)).to_have_count(2)
    page.reload()
    expect(moves_of(page)).to_have_count(2)
    page.get_by_role("button", name="Take back").click()
    expect(moves_of(page)).to_have_count(0)
    page.get_by_role("button", name="Hint").click()
    expect(page.locator(".play .status")).to_contain_text("would play e4")
    page.get_by_role("button", name="Flip the board").click()
    expect(page.locator("#ground")).to_have_class(re.compile("orientation-black"))
    page.get_by_role("button", name="Resign").click()
    expect(page.locator(".play .status")).to_contain_text("you resigned")
    new_game(page, color="Black")
    expect(moves_of(page)).to_have_text(["e4"])
    page.get_by_role("button", name="New game").click()
    page.get_by_label("From a position (FEN)").fill("rubbish")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#new-game-error")).to_contain_text("Not a FEN")


def test_an_elo_is_asked_for_and_kept(tabs):
    page = tabs()
    page.get_by_role("button", name="New game").click()
    page.get_by_role("checkbox", name="Full strength").uncheck()
    page.locator("#elo").fill("500")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".opponent")).to_have_text("Argmax at Elo 500")
    with page.expect_request("**/api/move") as asked:
        click_move(page, "e2e4")
    assert asked.value.post_data_json["elo"] == 500
    page.reload()
    expect(page.locator(".opponent")).to_have_text("Argmax at Elo 500")


def test_pgn_out_and_in(tabs):
    page = tabs()
    click_move(page, "e2e4")
    expect(moves_of(page)).to_have_count(2)
    page.locator(".play summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PGN").click()
    text = download.value.path().read_text()
    assert '[White "You"]' in text and "1. e4 e5" in text
    page.get_by_role("textbox", name="PGN to load").fill(MATE.rpartition("4. Qxf7#")[0] + "*")
    page.get_by_role("button", name="Load PGN", exact=True).click()
    expect(moves_of(page)).to_have_count(6)
    click_move(page, "h5f7")
    expect(page.locator(".play .status")).to_contain_text("1–0")


def test_looking_inside(tabs):
    page = tabs(mode="#analyse")
    rows = page.locator(".all-moves tbody tr")
    expect(rows).to_have_count(20)
    expect(rows.first.locator("th")).to_have_text("e4")
    page.get_by_role("button", name="Sort by spread").click()
    expect(page.locator("th.spread")).to_have_attribute("aria-sort", "descending")
    page.locator('tr[data-move="g1f3"]').hover()
    expect(page.locator(".inspector-text")).to_contain_text("Nf3: won")
    expect(page.locator(".inspector-text")).to_contain_text("Better than")
    expect(page.locator(".legend")).to_contain_text("After Nf3")
    assert page.locator("square.own-attack").count() > 10
    assert page.locator(".cg-shapes line").count() == 1
    page.select_option("#overlay", "squares")
    expect(page.locator("square.heat-10")).to_have_count(64)  # this network attends evenly
    page.select_option("#overlay", "targets")
    expect(page.locator("square.heat-10")).to_have_count(1)
    click_move(page, "e2e4")
    expect(page.locator(".analyse .status")).to_contain_text("Black to move")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".analyse .status")).to_contain_text("White to move")
    page.reload()
    expect(moves_of(page, "analyse")).to_have_count(1)


def test_figures_on_the_page_are_those_of_the_distributions(tabs, server):
    """Mean, quantile, spread, and the chance that one move is better, computed here in Python."""
    page = tabs(mode="#analyse")
    expect(page.locator(".all-moves tbody tr")).to_have_count(20)
    answer = httpx.post(f"{server.address}/api/analyse", json={"fen": "startpos"}).json()
    shown = {move["move"]: move for move in answer["moves"]}
    masses = {name: np.array(move["distribution"]) for name, move in shown.items()}
    count = len(masses["e2e4"])
    centres = (np.arange(count) + 0.5) / count
    for name in ("e2e4", "g1f3", "a2a3", "h2h4"):
        row = page.locator(f'tr[data-move="{name}"] td').all_text_contents()
        mass = masses[name] / masses[name].sum()
        spread = np.sqrt(mass @ centres**2 - (mass @ centres) ** 2)
        low = quantile(mass[None], 0.25, ValueBins(count))[0]
        assert row[0] == f"{100 * shown[name]['win_prob']:.1f} %"
        assert abs(float(row[2].rstrip(" %")) - 100 * low) <= 0.51
        assert abs(float(row[3].lstrip("±")) - 100 * spread) <= 0.51
    page.locator(".inspector .b select").select_option("g1f3")
    page.locator('tr[data-move="e2e4"]').hover()
    a, b = masses["e2e4"], masses["g1f3"]
    better = a @ (np.cumsum(b) - b / 2)
    expect(page.locator(".inspector-text")).to_contain_text(
        f"Better than Nf3: {100 * better:.0f} %"
    )
    page.get_by_label("Quantile in per cent").fill("75")
    expect(page.locator("th.risk")).to_have_text("75 %")


def test_positions_by_fen_pgn_and_pieces(tabs):
    page = tabs(mode="#analyse")
    for wrong in ("rubbish", "8/8/8/8/8/8/8/8 w - - 0 1", "k7/8/8/8/8/8/8/K6Q b - - 0 1 1 1 1"):
        page.get_by_label("Position as FEN").fill(wrong)
        page.keyboard.press("Enter")
        expect(page.locator("#toast")).to_contain_text("Not a")
    page.get_by_label("Position as FEN").fill(MIDDLEGAME)
    page.keyboard.press("Enter")
    count = chess.Board(MIDDLEGAME).legal_moves.count()
    expect(page.locator(".all-moves tbody tr")).to_have_count(count)
    page.get_by_text("Set up, PGN").click()
    page.get_by_role("button", name="Set up pieces").click()
    page.get_by_role("button", name="Empty board").click()
    for name, square in (("white king", "e1"), ("black king", "e8"), ("white queen", "d4")):
        page.get_by_role("button", name=name, exact=True).click()
        page.mouse.click(*centre(page, square))
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_label("Position as FEN")).to_have_value("4k3/8/8/8/3Q4/8/8/4K3 w - - 0 1")
    page.get_by_role("textbox", name="PGN to load").fill(MATE)
    page.get_by_role("button", name="Load PGN", exact=True).click()
    expect(page.locator(".analyse .status")).to_contain_text("checkmate")


def test_nothing_jumps_while_one_looks(tabs):
    """The sum of layout shifts, as browsers count them; 0.1 passes for good elsewhere."""
    page = tabs(mode="#analyse")
    page.evaluate(
        """() => {
          window.shifted = 0;
          const add = (list) => list.getEntries().forEach((entry) => { shifted += entry.value; });
          new PerformanceObserver(add).observe({ type: 'layout-shift' });
        }"""
    )
    expect(page.locator(".all-moves tbody tr")).to_have_count(20)
    for move in ("g1f3", "e2e4", "b1c3"):
        page.locator(f'tr[data-move="{move}"]').hover()
    for overlay in ("targets", "squares", "none"):
        page.select_option("#overlay", overlay)
    for move in ("e2e4", "e7e5"):
        click_move(page, move)
    expect(moves_of(page, "analyse")).to_have_count(2)
    page.wait_for_timeout(200)
    assert page.evaluate("() => shifted") < 0.02


def test_review_with_names_that_are_markup(tabs):
    page = tabs(mode="#review")
    page.get_by_label("PGN to review").fill("1. e4 e4")
    page.get_by_role("button", name="Review", exact=True).click()
    expect(page.locator(".review .status")).to_contain_text("illegal move")
    tabs.faults.clear()  # the answer's status, 400, is a line on the console
    page.get_by_label("PGN to review").fill(MATE.replace("Anna", HOSTILE))
    page.get_by_role("button", name="Review", exact=True).click()
    expect(moves_of(page, "review")).to_have_count(7)
    expect(page.locator(".side.white strong")).to_have_text(HOSTILE)
    expect(page.locator(".side.white .accuracy")).to_contain_text("%")
    page.get_by_label("knight c6").last.click()
    expect(page.locator(".said")).to_contain_text("2… Nc6")
    with page.expect_download() as download:
        page.get_by_role("button", name="Annotated PGN").click()
    assert "[%eval" in download.value.path().read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="One HTML file").click()
    assert "&lt;script&gt;" in download.value.path().read_text()
    page.reload()
    expect(moves_of(page, "review")).to_have_count(7)


def test_two_tabs_keep_their_own_games(tabs):
    first = tabs()
    click_move(first, "e2e4")
    expect(moves_of(first)).to_have_text(["e4", "e5"])
    second = tabs()
    new_game(second)
    click_move(second, "d2d4")
    expect(moves_of(second)).to_have_count(2)
    first.reload()
    expect(moves_of(first)).to_have_text(["e4", "e5"])
    second.reload()
    expect(moves_of(second).first).to_have_text("d4")


def test_a_server_that_goes_away_and_comes_back(tabs, server):
    page = tabs()
    server.stop()
    click_move(page, "e2e4")
    expect(page.locator("#offline")).to_be_visible()
    server.start()
    expect(page.locator("#offline")).to_be_hidden()
    expect(moves_of(page)).to_have_text(["e4", "e5"])  # the move that waited was asked for again
    tabs.faults.clear()  # refused connections are lines on the console


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_accessibility(browser, server, scheme, width):
    """No finding of axe-core that is serious or worse, on any tab."""
    if not AXE.exists():
        pytest.skip("NO AXE-CORE: ACCESSIBILITY IS NOT TESTED; install it: make page")
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    for mode in ("play", "analyse", "review"):
        page.goto("about:blank")
        page.goto(f"{server.address}/#{mode}")
        page.locator("body[data-ready]").wait_for()
        if mode == "analyse":
            page.locator(".all-moves tbody tr").first.hover()
        if mode == "review" and page.locator(".review-input").is_visible():
            page.get_by_label("PGN to review").fill(MATE)
            page.get_by_role("button", name="Review", exact=True).click()
            moves_of(page, "review").first.wait_for()
        page.add_script_tag(path=str(AXE))
        found = page.evaluate("axe.run({resultTypes: ['violations']})")
        serious = [
            (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert not serious, (mode, width, scheme)
    context.close()
