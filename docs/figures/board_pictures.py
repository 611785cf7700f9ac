"""Pictures of the board in the browser: play, analysis and review, with the shipped network.

    pip install -e '.[board]' playwright
    python docs/figures/board_pictures.py [--out docs] [--chromium PATH]

writes ``board-play.png``, ``board-analyse.png``, ``board-attacks.png``, ``board-review.png`` and
``board-phone.png``.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.board_times import running_board, square

POSITION = "r1bqkb1r/ppp2ppp/2n5/3np1N1/2B5/8/PPPP1PPP/RNBQK2R w KQkq - 0 6"
GAME = """[Event "Paris"]
[Date "1858.??.??"]
[White "Paul Morphy"]
[Black "Duke of Brunswick and Count Isouard"]
[Result "1-0"]

1. e4 e5 2. Nf3 d6 3. d4 Bg4 4. dxe5 Bxf3 5. Qxf3 dxe5 6. Bc4 Nf6 7. Qb3 Qe7 8. Nc3 c6 9. Bg5 b5
10. Nxb5 cxb5 11. Bxb5+ Nbd7 12. O-O-O Rd8 13. Rxd7 Rxd7 14. Rd1 Qe6 15. Bxd7+ Nxd7 16. Qb8+ Nxb8
17. Rd8# 1-0
"""
LARGE, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


def open_page(browser: Browser, address: str, mode: str, size: dict, scheme: str) -> Page:
    """Open one of the three tabs."""
    page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page.add_init_script("localStorage['argmax.play'] ??= '{\"delay\": false}'")
    page.goto(f"{address}/#{mode}")
    page.locator("body[data-ready]").wait_for()
    return page


def play(page: Page) -> None:
    """A few moves, and a hint."""
    for number, move in enumerate(("e2e4", "g1f3", "f1c4"), start=1):
        for name in (move[:2], move[2:]):
            page.mouse.click(*square(page, name))
        page.locator(".play .move").nth(2 * number - 1).wait_for()
    page.get_by_role("button", name="Hint").click()
    page.get_by_text("would play").wait_for()
    page.mouse.move(5, 5)


def analyse(page: Page, pointed_at: str | None) -> None:
    """A position, perhaps with the pointer on a move."""
    page.get_by_label("Position as FEN").fill(POSITION)
    page.keyboard.press("Enter")
    page.locator(f'tr[data-move="{pointed_at or "g5f7"}"]').wait_for()
    if pointed_at:
        page.locator(f'tr[data-move="{pointed_at}"]').hover()


def review(page: Page) -> None:
    """Morphy's game at the opera."""
    page.get_by_label("PGN to review").fill(GAME)
    page.get_by_role("button", name="Review", exact=True).click()
    page.locator(".review .move").first.wait_for(timeout=120_000)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()

    def take(page: Page, name: str) -> None:
        page.evaluate("() => scrollTo(0, 0)")
        page.wait_for_timeout(500)
        page.screenshot(path=args.out / f"board-{name}.png")

    with running_board() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        page = open_page(browser, address, "play", LARGE, "light")
        play(page)
        take(page, "play")
        page = open_page(browser, address, "analyse", LARGE, "light")
        analyse(page, None)
        take(page, "analyse")
        page = open_page(browser, address, "analyse", LARGE, "dark")
        analyse(page, "g5f7")
        take(page, "attacks")
        page = open_page(browser, address, "review", LARGE, "dark")
        review(page)
        take(page, "review")
        page = open_page(browser, address, "analyse", PHONE, "dark")
        analyse(page, None)
        take(page, "phone")
        browser.close()


if __name__ == "__main__":
    main()
