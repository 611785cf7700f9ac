"""The board in a terminal, readable with any number of colours and without colours.

Pieces have a contrast of at least 3:1 to every square colour, as WCAG (success criterion 1.4.11)
requires for graphics. If a terminal has only 16 colours, which users may have changed, each piece
has its own background, black or white. Without colours, or if the font or the encoding has no chess
symbols, pieces are letters: capitals for White.
"""

import os
from dataclasses import dataclass

import chess
from rich.console import Console
from rich.text import Text

BAR_WIDTH = 24


@dataclass(frozen=True)
class BoardStyle:
    """Backgrounds of squares and styles of pieces, as rich's style strings; empty for none."""

    light: str = ""
    dark: str = ""
    moved: str = ""
    checked: str = ""
    white: str = ""
    black: str = ""
    own_background: bool = False
    """Whether pieces have their own background."""
    letters: bool = False
    """Whether pieces are letters instead of chess symbols."""
    ascii_only: bool = False


COLOURS = {
    "truecolor": BoardStyle(
        "#ac845e", "#7a5a3c", "#7d8a2a", "#c8553d", "bold #ffffff", "bold #000000"
    ),
    # The colours from 16 to 255 are the same in all terminals.
    "256": BoardStyle(
        "color(137)", "color(94)", "color(100)", "color(160)", "bold color(231)", "bold color(16)"
    ),
    "standard": BoardStyle(
        "cyan", "blue", "yellow", "red", "black on white", "white on black", own_background=True
    ),
}


def board_style(console: Console) -> BoardStyle:
    """The style that suits the console."""
    ascii_only = not console.encoding.lower().startswith("utf")
    system = console.color_system
    if system is None or console.no_color:
        return BoardStyle(letters=True, ascii_only=ascii_only)
    letters = ascii_only or system == "windows" or os.environ.get("TERM") == "linux"
    style = COLOURS.get(system, COLOURS["standard"])
    return BoardStyle(**{**vars(style), "letters": letters, "ascii_only": ascii_only})


def board_text(board: chess.Board, bottom: chess.Color, style: BoardStyle) -> Text:
    """The board seen from one side, with the last move and a king in check marked."""
    marks = {}
    if board.move_stack:
        last = board.peek()
        marks = dict.fromkeys((last.from_square, last.to_square), "moved")
    king = board.king(board.turn)
    if board.is_check() and king is not None:
        marks[king] = "checked"
    ranks = range(7, -1, -1) if bottom == chess.WHITE else range(8)
    files = range(8) if bottom == chess.WHITE else range(7, -1, -1)
    text = Text()
    for rank in ranks:
        text.append(f" {rank + 1} ")
        for file in files:
            square = chess.square(file, rank)
            plain = "light" if (rank + file) % 2 else "dark"
            _append_square(text, board.piece_at(square), marks.get(square, plain), style)
        text.append("\n")
    return text.append("   " + "".join(f" {chess.FILE_NAMES[file]} " for file in files))


def _append_square(text: Text, piece: chess.Piece | None, kind: str, style: BoardStyle) -> None:
    """Append three characters; without colours, brackets mark the last move and a king in check."""
    background = getattr(style, kind)
    if not background:
        left, right = {"moved": "[]", "checked": "()"}.get(kind, "  ")
        empty = " " if kind == "light" else "." if style.ascii_only else "·"
        text.append(left + (_figure(piece, style) if piece else empty) + right)
        return
    if piece is None:
        text.append("   ", f"on {background}")
        return
    colour = style.white if piece.color == chess.WHITE else style.black
    own = "" if style.own_background else f" on {background}"
    text.append(" ", f"on {background}")
    text.append(_figure(piece, style), colour + own)
    text.append(" ", f"on {background}")


def _figure(piece: chess.Piece, style: BoardStyle) -> str:
    """A letter, an outlined symbol for a piece with its own background, or a filled symbol."""
    if style.letters:
        return piece.symbol()
    symbol = piece.symbol().upper() if style.own_background else piece.symbol().lower()
    return chess.UNICODE_PIECE_SYMBOLS[symbol]


def bar_text(white_win_prob: float, ascii_only: bool) -> Text:
    """White's win probability in percent, and as a bar of the board's width."""
    full = round(white_win_prob * BAR_WIDTH)
    on, off = "#." if ascii_only else "█░"
    return Text(f"   {on * full}{off * (BAR_WIDTH - full)} White {white_win_prob:.0%}")
