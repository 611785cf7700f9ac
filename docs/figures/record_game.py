"""A game of ``argmax play`` as an animated SVG: typed into the real program in a pseudo-terminal.

    pip install pyte
    python docs/figures/record_game.py

types the lines of ``game.txt`` and writes ``docs/game.svg``. White's moves there are Stockfish's at
Skill Level 0. The screen is drawn cell by cell as in a terminal; chess symbols are python-chess's
drawings, since fonts differ. Readers who prefer reduced motion see the screen with the hint.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import chess
import chess.svg
import pyte

HERE = Path(__file__).parent
COLUMNS, ROWS = 72, 20
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 9, 20, 15  # in pixels, as all that follows
BAR, PADDING = 30, 14
WIDTH = COLUMNS * CELL_WIDTH + 2 * PADDING
HEIGHT = BAR + ROWS * CELL_HEIGHT + 2 * PADDING
BACKGROUND, FOREGROUND, FAINT = "#16181d", "#d7dae0", "#8b919c"
COLOURS = {"red": "#e06c75", "green": "#98c379", "brown": "#e5c07b", "cyan": "#56b6c2"}
FIGURES = {"♟": "pawn", "♞": "knight", "♝": "bishop", "♜": "rook", "♛": "queen", "♚": "king"}
BLOCKS = "▁▂▃▄▅▆▇█"

SHELL_PROMPT, GAME_PROMPT = re.compile(r"\$ $"), re.compile(r"(move \d+|Game over): $")
SHOWN_S, TYPED_S, HINT_S, END_S = 1.2, 0.6, 4.5, 6.0
PATIENCE_S = 60.0


class Terminal:
    """A shell in a pseudo-terminal, with the resulting screen."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        pid, self._fd = pty.fork()
        if pid == 0:
            environment = os.environ | {
                "PS1": "$ ",
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            }
            environment.pop("NO_COLOR", None)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def wait(self, prompt: re.Pattern) -> None:
        """Read until the prompt is at the cursor and there is no more output."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if select.select([self._fd], [], [], 0.3)[0]:
                self._stream.feed(os.read(self._fd, 4096))
                continue
            if prompt.search(self.screen.display[self.screen.cursor.y][: self.screen.cursor.x]):
                return
        raise SystemExit("expected a prompt, found the screen:\n" + "\n".join(self.screen.display))

    def type(self, text: str) -> None:
        """Type text, and read the terminal's echo of it."""
        os.write(self._fd, text.encode())
        time.sleep(0.3)
        while select.select([self._fd], [], [], 0.1)[0]:
            self._stream.feed(os.read(self._fd, 4096))

    def enter(self) -> None:
        """Press return."""
        os.write(self._fd, b"\n")


@dataclass
class Film:
    """Screens and their durations; equal rows are drawn once."""

    rows: dict[str, int] = field(default_factory=dict)
    frames: list[tuple[list[int], float]] = field(default_factory=list)
    still: int = 0
    """The frame for readers who prefer no motion."""

    def add(self, screen: pyte.Screen, seconds: float) -> None:
        """Show the screen as it is now."""
        drawn = (draw_row(screen.buffer[y]) for y in range(ROWS))
        self.frames.append(([self.rows.setdefault(row, len(self.rows)) for row in drawn], seconds))


def record(lines: list[str]) -> Film:
    """Play the game in a terminal and record it."""
    terminal, film = Terminal(), Film()
    terminal.wait(SHELL_PROMPT)
    terminal.type("argmax play")
    film.add(terminal.screen, SHOWN_S)
    terminal.enter()
    terminal.wait(GAME_PROMPT)
    for line in lines:
        film.add(terminal.screen, SHOWN_S)
        terminal.type(line)
        film.add(terminal.screen, TYPED_S)
        terminal.enter()
        terminal.wait(GAME_PROMPT)
        if line == "hint":
            film.still = len(film.frames)
            film.add(terminal.screen, HINT_S)
    film.add(terminal.screen, END_S)
    return film


def runs(row: dict[int, "pyte.screens.Char"]) -> Iterator[tuple[int, str, "pyte.screens.Char"]]:
    """Runs of neighbouring cells with the same style: column of the first, text, style."""
    start, text, look = 0, "", None
    for x in range(COLUMNS):
        cell = row[x]
        same = look is not None and cell._replace(data="") == look
        if not same:
            if text and look is not None:
                yield start, text, look
            start, text, look = x, "", cell._replace(data="")
        text += cell.data
    if look is not None:
        yield start, text, look


def draw_row(row: dict[int, "pyte.screens.Char"]) -> str:
    """One row of the screen as SVG, its top left corner at 0, 0."""
    parts = []
    for start, text, look in runs(row):
        if look.bg != "default":
            parts.append(_rect(start, len(text), colour(look.bg)))
        parts += _glyphs(start, text, colour(look.fg), look.bold)
    return "".join(parts)


def _glyphs(start: int, text: str, ink: str, bold: bool) -> Iterator[str]:
    """Chess symbols and blocks as shapes, everything else as text that fits its cells in any
    font."""
    for match in re.finditer(
        rf"[{''.join(FIGURES)}]|[{BLOCKS}]|[^{''.join(FIGURES)}{BLOCKS}]+", text
    ):
        x, part = start + match.start(), match.group()
        if part in FIGURES:
            side = "w" if ink.lower() == "#ffffff" else "b"
            left = (x + 0.5) * CELL_WIDTH - CELL_HEIGHT / 2
            yield f'<use href="#{side}{FIGURES[part]}" x="{left:g}"/>'
        elif part in BLOCKS:
            height = CELL_HEIGHT * (BLOCKS.index(part) + 1) / len(BLOCKS)
            yield (
                f'<path fill="{ink}" d="M{x * CELL_WIDTH} {CELL_HEIGHT}'
                f'v{-height:g}h{CELL_WIDTH}v{height:g}z"/>'
            )
        else:
            yield from _words(x, part, ink, bold)


def _words(start: int, text: str, ink: str, bold: bool) -> Iterator[str]:
    for match in re.finditer(r"\S+(?: \S+)*", text):
        x, words = start + match.start(), match.group()
        fill = "" if ink == FOREGROUND else f' fill="{ink}"'
        weight = ' font-weight="700"' if bold else ""
        yield (
            f'<text x="{x * CELL_WIDTH}" y="15" textLength="{len(words) * CELL_WIDTH}"'
            f' lengthAdjust="spacingAndGlyphs"{fill}{weight}>{escape(words)}</text>'
        )


def _rect(start: int, cells: int, fill: str) -> str:
    return (
        f'<path fill="{fill}" d="M{start * CELL_WIDTH} 0h{cells * CELL_WIDTH}'
        f'v{CELL_HEIGHT}h{-cells * CELL_WIDTH}z"/>'
    )


def colour(name: str) -> str:
    """pyte's colour (a name or six hexadecimal digits) as CSS."""
    if name == "default":
        return FOREGROUND
    return f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else COLOURS.get(name, name)


def figures() -> str:
    """The twelve chess symbols, drawn for the height of a cell."""
    parts = []
    for symbol, drawing in chess.svg.PIECES.items():
        piece = chess.Piece.from_symbol(symbol)
        name = ("w" if piece.color else "b") + chess.piece_name(piece.piece_type)
        parts.append(
            f'<symbol id="{name}" viewBox="0 0 45 45" width="{CELL_HEIGHT}" height="{CELL_HEIGHT}">'
            f"{re.sub(r' id=.[a-z-]+.| class=.[a-z ]+.', '', drawing)}</symbol>"
        )
    return "\n".join(parts)


def style(film: Film) -> str:
    """CSS that moves the film strip by one width per frame, without transitions."""
    total, now, stops = sum(seconds for _, seconds in film.frames), 0.0, []
    for i, (_, seconds) in enumerate(film.frames):
        stops.append(f"{100 * now / total:.3f}%{{transform:translateX({-i * WIDTH}px)}}")
        now += seconds
    return (
        f".film{{transform:translateX({-film.still * WIDTH}px)}}\n"
        "@media (prefers-reduced-motion: no-preference){.film{"
        f"animation:film {total:.1f}s step-end infinite}}}}\n"
        f"@keyframes film{{{''.join(stops)}}}\n"
        "text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        f"font-size:{FONT_SIZE}px;white-space:pre}}"
    )


def svg(film: Film, title: str) -> str:
    """The whole picture: a window with the film in it."""
    rows = "\n".join(f'<g id="r{i}">{row}</g>' for row, i in film.rows.items() if row)
    empty = film.rows.get("")
    strip = "\n".join(
        f'<g transform="translate({i * WIDTH} 0)">'
        + "".join(
            f'<use href="#r{row}" y="{y * CELL_HEIGHT}"/>'
            for y, row in enumerate(frame)
            if row != empty
        )
        + "</g>"
        for i, (frame, _) in enumerate(film.frames)
    )
    dots = "".join(
        f'<circle cx="{18 + 18 * i}" cy="{BAR / 2:g}" r="5.5" fill="{fill}"/>'
        for i, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" \
height="{HEIGHT}" role="img">
<title>{escape(title)}</title>
<style>
{style(film)}
</style>
<defs>
{figures()}
{rows}
</defs>
<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="9" fill="{BACKGROUND}" \
stroke="#3f434c"/>
{dots}
<text x="{WIDTH / 2:g}" y="20" text-anchor="middle" fill="{FAINT}">argmax play</text>
<svg x="{PADDING}" y="{BAR + PADDING}" width="{COLUMNS * CELL_WIDTH}" \
height="{ROWS * CELL_HEIGHT}" fill="{FOREGROUND}">
<g class="film">
{strip}
</g>
</svg>
</svg>
"""


def main() -> None:
    """Record the game of ``game.txt``."""
    lines = (HERE / "game.txt").read_text().split()
    out = HERE.parent / "game.svg"
    out.write_text(svg(record(lines), "A game against Argmax in the terminal"))
    print(f"{out}: {out.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
