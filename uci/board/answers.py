"""Analyses, attention and reviews in the JSON forms of the API."""

from collections.abc import Sequence

import chess
import numpy as np

from data_pipeline.encoding.afterstates import afterstates
from data_pipeline.encoding.board import moves_of, positions_of, relations_of
from engine.play.analysis import Analysis
from engine.review.review import choice_entropy

AFTER = ("opponent_attacks", "own_attacks", "own_loose", "opponent_loose")
"""The information about the board after a move, in the order of `afterstates`."""
THOUSANDTHS = 1000


def details_of(analysis: Analysis) -> list[dict[str, list[str]]]:
    """For each move, squares on the board after it: attacked, with loose pieces, and attacked by
    the moved piece."""
    board, moves = analysis.board, analysis.moves
    positions = positions_of([board])
    flat = moves_of([board], [moves])
    after = afterstates(positions, flat)
    piece = relations_of(positions, flat).moves[:, 0]
    return [
        {
            **{name: _squares(row[i], board.turn) for i, name in enumerate(AFTER)},
            "piece_attacks": _squares(piece_row, board.turn),
        }
        for row, piece_row in zip(after, piece, strict=True)
    ]


def _squares(bitboard: np.uint64, turn: chess.Color) -> list[str]:
    """A bitboard from the side to move -> names of squares."""
    absolute = int(bitboard) if turn else chess.flip_vertical(int(bitboard))
    return [chess.SQUARE_NAMES[square] for square in chess.scan_forward(absolute)]


def attention_json(
    moves: Sequence[chess.Move], trunk: np.ndarray, decoder: np.ndarray
) -> dict[str, object]:
    """Attention weights in thousandths. ``squares`` [L][H][64][64]: from each square (a1, b1, ...
    h8) to each square; ``moves``: by move, [D][H][64]."""
    whole = np.rint(decoder * THOUSANDTHS).astype(int)
    return {
        "squares": np.rint(trunk * THOUSANDTHS).astype(int).tolist(),
        "moves": {move.uci(): whole[:, :, i].tolist() for i, move in enumerate(moves)},
    }


def chosen_json(analysis: Analysis, move: chess.Move) -> dict[str, object]:
    """The move that the engine plays; ``entropy_bits``: entropy of the softmax over the moves."""
    i = analysis.moves.index(move)
    return {
        "fen": analysis.board.fen(),
        "move": move.uci(),
        "san": analysis.board.san(move),
        "win_prob": float(analysis.win_probs[i]),
        "entropy_bits": round(choice_entropy(analysis.win_probs), 4),
    }
