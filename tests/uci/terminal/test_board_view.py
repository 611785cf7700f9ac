"""The board can be read in every colour system (by the WCAG's contrast) and without colours."""

import io
from itertools import pairwise

import chess
import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

from data_pipeline.common.terminal import PlainConsole
from uci.terminal.board_view import bar_text, board_style, board_text
from uci.terminal.display import _colour

# Black, red, green, yellow, blue, magenta, cyan, white of terminals that are much used.
PALETTES = {
    "xterm": "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5",
    "linux": "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa",
    "windows": "0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc",
    "solarized": "073642 dc322f 859900 b58900 268bd2 d33682 2aa198 eee8d5",
    "gnome": "171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 d0cfcc",
}
LEAST_CONTRAST = 3.0
SYSTEMS = ("standard", "256", "truecolor")


def theme(name: str) -> TerminalTheme:
    colours = [tuple(bytes.fromhex(text)) for text in PALETTES[name].split()]
    return TerminalTheme((0, 0, 0), (255, 255, 255), colours, colours)  # type: ignore[arg-type]


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def console(system: str | None, **options) -> PlainConsole:
    file = io.TextIOWrapper(io.BytesIO(), encoding=options.pop("encoding", "utf-8"))
    return PlainConsole(file=file, color_system=system, force_terminal=True, width=80, **options)


def position() -> chess.Board:
    """All kinds of squares with all kinds of pieces on them: the last move gives check."""
    board = chess.Board("rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2")
    for move in ("Qh5", "Nc6", "Bc4", "Nf6", "Qxf7"):
        board.push_san(move)
    return board


def squares(system: str, palette: str) -> list[tuple[str, tuple, tuple]]:
    """(figure, its colour, its background) as a terminal with the palette shows them."""
    shown, found = console(system), []
    colours = theme(palette)
    text = board_text(position(), chess.WHITE, board_style(shown))
    for segment in Segment.filter_control(shown.render(text)):
        style = segment.style
        if style is None or style.bgcolor is None:
            continue
        wanted = ColorSystem[{"256": "EIGHT_BIT"}.get(system, system.upper())]
        pair = [
            tuple(colour.downgrade(wanted).get_truecolor(colours))
            for colour in (style.color or style.bgcolor, style.bgcolor)
        ]
        found.append((segment.text, *pair))
    return found


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_piece_stands_out_from_its_square(system, palette):
    pieces = [found for found in squares(system, palette) if found[0].strip()]
    assert len(pieces) == 31
    for figure, colour, background in pieces:
        assert contrast(colour, background) >= LEAST_CONTRAST, (figure, colour, background)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_sides_and_the_squares_differ(system, palette):
    found = squares(system, palette)
    backgrounds = [background for figure, _, background in found if not figure.strip()]
    assert len(set(backgrounds)) == 4  # light, dark, the last move, check
    by_side = {(colour, ground) for figure, colour, ground in found if figure.strip()}
    colours = {colour for colour, _ in by_side}
    assert len(colours) == 2
    assert contrast(*colours) >= 4.5


@pytest.mark.parametrize("options", [{"system": None}, {"system": "truecolor", "no_color": True}])
def test_without_colours_white_has_capitals_and_black_small_letters(options):
    style = board_style(console(options.pop("system"), **options))
    text = board_text(position(), chess.WHITE, style).plain
    lines = text.splitlines()
    assert lines[0] == " 8  r  ·  b  q (k) b     r "
    assert lines[1] == " 7  p  p  p  p  · [Q] p  p "
    assert lines[7] == " 1  R  N  B     K     N  R "
    assert {*"RNBQKPrnbqkp"} <= set(text)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
@pytest.mark.parametrize("system", [None, *SYSTEMS])
def test_encodings_without_figures_show_letters(encoding, system):
    shown = console(system, encoding=encoding)
    style = board_style(shown)
    shown.print(board_text(position(), chess.BLACK, style))
    shown.print(bar_text(0.62, style.ascii_only))
    shown.file.flush()
    text = shown.file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "White 62%" in text
    assert "?" not in text
    assert {*"RNBQKPrnbqkp"} <= set(text)


def test_the_linux_console_and_old_windows_show_letters(monkeypatch):
    assert board_style(console("windows")).letters
    monkeypatch.setenv("TERM", "linux")
    assert board_style(console("standard")).letters
    monkeypatch.setenv("TERM", "xterm")
    assert not board_style(console("standard")).letters


@pytest.mark.parametrize("system", [None, *SYSTEMS])
@pytest.mark.parametrize("bottom", [chess.WHITE, chess.BLACK])
def test_the_board_is_drawn_from_either_side(system, bottom):
    text = board_text(position(), bottom, board_style(console(system))).plain
    lines = text.splitlines()
    assert lines[0].startswith(" 8 " if bottom else " 1 ")
    assert lines[8].split() == list("abcdefgh" if bottom else "hgfedcba")
    assert {len(line) for line in lines} == {27}


def test_sparklines_can_be_read_on_black_and_on_white():
    for i in range(101):
        red, green, blue = Color.parse(_colour(i / 100)).get_truecolor()
        colour = (red, green, blue)
        assert contrast(colour, (0, 0, 0)) >= LEAST_CONTRAST
        assert contrast(colour, (255, 255, 255)) >= LEAST_CONTRAST


def test_the_bar_grows_with_white_s_chances():
    lengths = [bar_text(i / 10, False).plain.count("█") for i in range(11)]
    assert all(a < b for a, b in pairwise(lengths))
    assert bar_text(0.5, True).plain == "   ############............ White 50%"
