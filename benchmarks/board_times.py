"""Speed of the board in the browser, in Chromium with the shipped network.

    python benchmarks/board_times.py [--chromium PATH]

Prints medians: the time from the release of the mouse to the next frame with the player's move,
with the network's answer (without its delay) and with a new analysis; frames per second while a
piece is dragged; the time of a review; and the size of the page.
"""

import argparse
import json
import shutil
import statistics
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import chess
import uvicorn
from playwright.sync_api import Page, sync_playwright

from engine.networks import shipped_network
from uci.board.app import STATIC, make_app
from uci.board.networks import open_networks
from uci.board.serve import address_of, listen, names_of

WATCH = """(place) => {
  window.times = [];
  addEventListener('mouseup', () => { window.clicked = performance.now(); }, true);
  const seen = () => requestAnimationFrame(() => times.push(performance.now() - clicked));
  new MutationObserver(seen).observe(document.querySelector(place), { childList: true });
}"""
FRAMES = """() => {
  window.frames_seen = [];
  const frame = (now) => { frames_seen.push(now); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
MOVES = ["e2e4", "g1f3", "d2d4", "b1c3", "f1e2", "a2a3", "h2h3"]
GAME = "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 *"


@contextmanager
def running_board() -> Iterator[str]:
    """The address of a board with the shipped network."""
    with listen("127.0.0.1", 0) as bound:
        app = make_app(open_networks([shipped_network()]), names_of(bound))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        host, port = address_of(bound)
        yield f"http://{host}:{port}"
        server.should_exit = True
        thread.join(10)


def square(page: Page, name: str) -> tuple[float, float]:
    """The centre of a square on the page, White at the bottom."""
    box = page.locator("#board").bounding_box()
    assert box
    side = box["width"] / 8
    return box["x"] + (ord(name[0]) - 96.5) * side, box["y"] + (8.5 - int(name[1])) * side


def play(page: Page, address: str) -> dict[str, float]:
    """Milliseconds to the player's move and to the network's answer."""
    page.goto(f"{address}/#play")
    page.locator("body[data-ready]").wait_for()
    page.evaluate(WATCH, ".play .moves")
    own, answers = [], []
    board = chess.Board()
    for move in MOVES:
        if chess.Move.from_uci(move) not in board.legal_moves:
            break
        page.evaluate("() => { times.length = 0; }")
        for name in (move[:2], move[2:]):
            page.mouse.click(*square(page, name))
        page.locator(".play .move").nth(len(board.move_stack) + 1).wait_for()
        page.wait_for_timeout(100)
        times = page.evaluate("() => times")
        own.append(times[0])
        answers.append(times[-1])
        board = chess.Board()
        for text in page.locator(".play .move").all_text_contents():
            board.push_san(text)
    return {"own_move_ms": statistics.median(own), "answer_ms": statistics.median(answers)}


def analyse(page: Page, address: str) -> dict[str, float]:
    """Milliseconds from a move to the table of the new position."""
    page.goto(f"{address}/#analyse")
    page.locator(".all-moves tbody tr").first.wait_for()
    page.evaluate(WATCH, ".all-moves tbody")
    found = []
    for move in ("e2e4", "e7e5", "g1f3", "b8c6", "f1c4"):
        page.evaluate("() => { times.length = 0; }")
        for name in (move[:2], move[2:]):
            page.mouse.click(*square(page, name))
        page.wait_for_timeout(700)
        found.append(page.evaluate("() => times")[-1])
    return {"analysis_ms": statistics.median(found)}


def drag(page: Page) -> dict[str, float]:
    """Frames per second while a queen is dragged around the board."""
    page.evaluate(FRAMES)
    page.mouse.move(*square(page, "d8"))
    page.mouse.down()
    page.evaluate("() => { frames_seen.length = 0; }")
    for name in ("a5", "h5", "a3", "h3", "d8"):
        page.mouse.move(*square(page, name), steps=40)
    times = page.evaluate("() => frames_seen")
    page.mouse.up()
    return {"frames_a_second_while_dragging": 1000 * (len(times) - 1) / (times[-1] - times[0])}


def review(page: Page, address: str) -> dict[str, float]:
    """Seconds of a review, the first one and the next."""
    found = []
    for _ in range(2):
        page.evaluate("() => { sessionStorage.clear(); localStorage.clear(); }")
        page.goto("about:blank")  # a change after # alone does not reload the page
        page.goto(f"{address}/#review")
        page.locator("body[data-ready]").wait_for()
        page.get_by_label("PGN to review").fill(GAME)
        start = page.evaluate("() => performance.now()")
        page.get_by_role("button", name="Review", exact=True).click()
        page.locator(".review .move").first.wait_for(timeout=120_000)
        found.append((page.evaluate("() => performance.now()") - start) / 1000)
    return {"first_review_s": found[0], "next_review_s": found[1]}


def page_bytes() -> int:
    """The compressed size of the page without the pieces."""
    names = ("index.html", "board.js", "board.css", "icon.svg")
    return sum(len(zlib.compress((STATIC / name).read_bytes(), 9)) for name in names)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    chromium = parser.parse_args().chromium
    with running_board() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script("localStorage['argmax.play'] ??= '{\"delay\": false}'")
        found = play(page, address) | analyse(page, address) | drag(page) | review(page, address)
        browser.close()
    figures = {name: round(value, 2) for name, value in found.items()}
    print(json.dumps(figures | {"page_bytes_compressed": page_bytes()}, indent=2))


if __name__ == "__main__":
    main()
