"""Afterstates: for each of many moves, the squares that each side attacks after it, and loose
pieces.

Everything follows from the rules. Bitboards and pieces are those of `attacks`, seen from the side
that moves, before and after the move. Only the attacked squares matter, not the attackers, so all
pieces of a kind are moved together: steps are shifts of the whole board, and slides fill each of
the eight directions in three doubling steps (Kogge-Stone).
"""

from functools import cache

import numpy as np

from data_pipeline.encoding.attacks import NUM_PIECES, bitboards
from data_pipeline.encoding.board import Moves, Positions

NUM_AFTERSTATES = 4

_PAWN, _KNIGHT, _BISHOP, _ROOK, _QUEEN, _KING = range(6)
_CHUNK = 4096
"""Moves that are computed at once, so that their bitboards stay in cache."""

Directions = tuple[tuple[int, int], ...]
"""(ranks up, files to the right), each with a positive number of squares 8 * ranks + files."""

_STRAIGHT: Directions = ((0, 1), (1, 0))
_DIAGONAL: Directions = ((1, 1), (1, -1))
_JUMPS: Directions = ((1, 2), (2, 1), (2, -1), (1, -2))


def afterstates(positions: Positions, moves: Moves) -> np.ndarray:
    """[N, 4] uint64 for N moves, on the board after each: squares attacked by the opponent, squares
    attacked by the side that moved, its loose pieces, the opponent's loose pieces.

    A piece is loose if it is attacked and not defended, or attacked by a piece of lower value
    (pawn; knight or bishop; rook; queen). A king is loose if it is in check. After castling the
    rook counts as still in the corner, as in `board`.
    """
    all_pieces = _pieces_after(positions, moves)
    found = np.empty((len(moves.rows), NUM_AFTERSTATES), np.uint64)
    for start in range(0, len(found), _CHUNK):
        some = slice(start, start + _CHUNK)
        pieces = np.ascontiguousarray(all_pieces[..., some])
        by_kind = _attacked(pieces)
        own, other = np.bitwise_or.reduce(by_kind, axis=1)
        found[some, 0], found[some, 1] = other, own
        found[some, 2] = _loose(pieces[0], own, by_kind[1])
        found[some, 3] = _loose(pieces[1], other, by_kind[0])
    return found


def _pieces_after(positions: Positions, moves: Moves) -> np.ndarray:
    """Bitboards [2, 6, N] after each move: the side that moved and the opponent, by kind."""
    rows = moves.rows
    members = positions.squares[:, None] == np.arange(1, NUM_PIECES, dtype=np.uint8)[:, None]
    before = bitboards(members).T.take(rows, axis=1)
    kinds = positions.squares[rows, moves.sources].astype(np.int64) - 1
    one = np.uint64(1)
    source, target = one << moves.sources.astype(np.uint64), one << moves.targets.astype(np.uint64)
    passed = np.where(kinds == _PAWN, target & positions.en_passant[rows], 0) >> np.uint64(8)
    before[:6] &= ~source
    before[6:] &= ~(target | passed)
    before[np.where(moves.promotions > 0, moves.promotions, kinds), np.arange(len(rows))] |= target
    return before.reshape(2, 6, -1)


def _attacked(pieces: np.ndarray) -> np.ndarray:
    """The pieces of both sides [2, 6, N] -> the squares that each kind attacks [2, 6, N]; the pawns
    of the first side move up."""
    attacked = np.zeros_like(pieces)
    up, down = (_steps(pieces[side, _PAWN], _DIAGONAL) for side in (0, 1))
    attacked[0, _PAWN], attacked[1, _PAWN] = up[0], down[1]
    attacked[:, _KNIGHT] = np.bitwise_or.reduce(_steps(pieces[:, _KNIGHT], _JUMPS))
    attacked[:, _KING] = np.bitwise_or.reduce(_steps(pieces[:, _KING], _STRAIGHT + _DIAGONAL))
    empty = ~np.bitwise_or.reduce(pieces, axis=(0, 1))
    straight = _slides(pieces[:, (_ROOK, _QUEEN)], empty, _STRAIGHT)
    diagonal = _slides(pieces[:, (_BISHOP, _QUEEN)], empty, _DIAGONAL)
    attacked[:, _ROOK], attacked[:, _BISHOP] = straight[:, 0], diagonal[:, 0]
    attacked[:, _QUEEN] = straight[:, 1] | diagonal[:, 1]
    return attacked


def _loose(pieces: np.ndarray, defended: np.ndarray, attackers: np.ndarray) -> np.ndarray:
    """One side's loose pieces. pieces: [6, N], its pieces; defended: [N], squares that it defends;
    attackers: [6, N], squares that the other side attacks, by kind of piece."""
    attacked = np.bitwise_or.reduce(attackers)
    by_pawn = attackers[_PAWN]
    by_minor = by_pawn | attackers[_KNIGHT] | attackers[_BISHOP]
    worse = pieces[_KNIGHT] | pieces[_BISHOP]
    loose = np.bitwise_or.reduce(pieces) & attacked & ~defended | pieces[_KING] & attacked
    loose |= worse & by_pawn | pieces[_ROOK] & by_minor
    return loose | pieces[_QUEEN] & (by_minor | attackers[_ROOK])


def _steps(squares: np.ndarray, directions: Directions) -> np.ndarray:
    """Squares [...] -> [2, ...]: all moved by one step, in any of the directions and in any of the
    opposite ones. Steps that would leave the board are dropped."""
    ahead, behind, places = _lines(directions, squares.ndim)
    return np.stack(
        (
            np.bitwise_or.reduce((squares & ahead) << places),
            np.bitwise_or.reduce((squares & behind) >> places),
        )
    )


def _slides(sliders: np.ndarray, empty: np.ndarray, directions: Directions) -> np.ndarray:
    """Sliders [..., N] and the empty squares [N] -> [..., N]: the squares attacked in all of the
    directions and the opposite ones, including the first occupied one in each."""
    ahead, behind, places = _lines(directions, sliders.ndim)
    reach, back = sliders, sliders
    # A square is entered from the one before it if a step back from it stays on the board.
    free, free_back = empty & behind, empty & ahead
    for times in (1, 2, 4):
        far = places * np.uint64(times)
        reach = reach | free & reach << far
        back = back | free_back & back >> far
        free = free & free << far
        free_back = free_back & free_back >> far
    reach, back = (reach & ahead) << places, (back & behind) >> places
    return np.bitwise_or.reduce(reach | back)


@cache
def _lines(directions: Directions, dimensions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each direction, with ``dimensions`` more axes: the squares from which a step stays on the
    board, those from which a step back does, and the number of squares of a step."""
    squares = np.stack(np.divmod(np.arange(64), 8), axis=-1)  # [64, 2]: rank and file
    steps = np.array(directions)[:, None]  # [directions, 1, 2]
    there, back = squares + steps, squares - steps
    ahead, behind = (
        bitboards(np.logical_and.reduce((at >= 0) & (at < 8), axis=-1)) for at in (there, back)
    )
    places = (steps[:, 0] @ (8, 1)).astype(np.uint64)
    shape = (-1,) + (1,) * dimensions
    return ahead.reshape(shape), behind.reshape(shape), places.reshape(shape)
