"""Boards, value distributions and analyses for the terminal, drawn with rich."""

import chess
import numpy as np
from rich.table import Table
from rich.text import Text

from engine.play.analysis import Analysis
from engine.play.rules import CHECKMATE

LIGHT, DARK, MOVED, CHECKED = "#d9c6a5", "#a57e58", "#b9b04e", "#c8553d"
WHITE_PIECE, BLACK_PIECE = "bold #ffffff", "bold #000000"
LEVELS = " ▁▂▃▄▅▆▇█"


def board_text(board: chess.Board, bottom: chess.Color, coloured: bool) -> Text:
    """The board seen from one side, with the last move and a king in check marked.

    On coloured squares both sides' pieces are filled figures in white and black; without colours
    White's are outlined.
    """
    marked = {}
    if board.move_stack:
        last = board.peek()
        marked = dict.fromkeys((last.from_square, last.to_square), MOVED)
    king = board.king(board.turn)
    if board.is_check() and king is not None:
        marked[king] = CHECKED
    ranks = range(7, -1, -1) if bottom == chess.WHITE else range(8)
    files = range(8) if bottom == chess.WHITE else range(7, -1, -1)
    text = Text()
    for rank in ranks:
        text.append(f" {rank + 1} ", "dim")
        for file in files:
            square = chess.square(file, rank)
            plain = LIGHT if (rank + file) % 2 else DARK
            piece = board.piece_at(square)
            if coloured:
                _append_square(text, piece, marked.get(square, plain))
            else:
                text.append(f" {piece.unicode_symbol() if piece else '·'} ")
        text.append("\n")
    text.append("   " + "".join(f" {chess.FILE_NAMES[file]} " for file in files), "dim")
    return text


def _append_square(text: Text, piece: chess.Piece | None, background: str) -> None:
    figure = chess.UNICODE_PIECE_SYMBOLS[piece.symbol().lower()] if piece else " "
    colour = WHITE_PIECE if piece and piece.color == chess.WHITE else BLACK_PIECE
    text.append(f" {figure} ", f"{colour} on {background}")


def sparkline(distribution: np.ndarray, width: int = 24) -> Text:
    """[K] masses -> a line of blocks from loss (red) to win (green), its highest block full."""
    edges = np.linspace(0, len(distribution), width + 1)
    cumulative = np.concatenate([[0], np.cumsum(distribution)])
    masses = np.diff(np.interp(edges, np.arange(len(cumulative)), cumulative))
    heights = np.ceil(masses / masses.max() * (len(LEVELS) - 1) - 0.25).astype(int)
    text = Text()
    for i, height in enumerate(heights):
        text.append(LEVELS[height], _colour((i + 0.5) / width))
    return text


def _colour(win_prob: float) -> str:
    """From red over yellow to green."""
    red, green = min(1.0, 2 - 2 * win_prob), min(1.0, 2 * win_prob)
    return f"#{int(60 + 160 * red):02x}{int(60 + 150 * green):02x}40"


def score_text(analysis: Analysis, i: int) -> str:
    """``#1`` for a mate, else pawns with a sign, from the side to move."""
    if analysis.verdicts[i] == CHECKMATE:
        return "#1"
    return f"{analysis.scores_cp[i] / 100:+.2f}"


def analysis_table(analysis: Analysis, most: int | None = None) -> Table:
    """The moves, best first, with their distributions; at most ``most`` rows."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("", "move", "expected", "pawns", "win draw loss"):
        table.add_column(name, justify="left" if name == "move" else "right", no_wrap=True)
    table.add_column("lost ← outcomes → won", no_wrap=True)
    results, outcomes = analysis.win_draw_loss, analysis.outcomes
    for i, move in enumerate(analysis.moves[:most]):
        verdict = analysis.verdicts[i]
        table.add_row(
            str(i + 1),
            Text(analysis.board.san(move), "bold"),
            f"{analysis.win_probs[i]:.1%}",
            score_text(analysis, i),
            "  ".join(f"{100 * share:3.0f}" for share in results[i]),
            Text(verdict.reason, "italic") if verdict else sparkline(outcomes[i]),
        )
    return table
