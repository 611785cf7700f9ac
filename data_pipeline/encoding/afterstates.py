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
_STRAIGHT = ((0, 1), (0, -1), (1, 0), (-1, 0))
_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_JUMPS = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))

Direction = tuple[int, int]
"""(ranks up, files to the right)."""


def afterstates(positions: Positions, moves: Moves) -> np.ndarray:
    """[N, 4] uint64 for N moves, on the board after each: squares attacked by the opponent, squares
    attacked by the side that moved, its loose pieces, the opponent's loose pieces.

    A piece is loose if it is attacked and not defended, or attacked by a piece of lower value
    (pawn; knight or bishop; rook; queen). A king is loose if it is in check. After castling the
    rook counts as still in the corner, as in `board`.
    """
    own, other = _pieces_after(positions, moves)
    occupied = np.bitwise_or.reduce(np.concatenate((own, other)))
    by_own, by_other = (
        np.stack([_attacked(pieces, kind, occupied, up) for kind in range(6)])
        for pieces, up in ((own, 1), (other, -1))
    )
    all_own, all_other = np.bitwise_or.reduce(by_own), np.bitwise_or.reduce(by_other)
    loose = _loose(own, all_own, by_other), _loose(other, all_other, by_own)
    return np.stack((all_other, all_own, *loose), axis=1)


def _pieces_after(positions: Positions, moves: Moves) -> tuple[np.ndarray, np.ndarray]:
    """Bitboards [6, N] by kind of piece after each move: the side that moved, and the opponent."""
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
    return before[:6], before[6:]


def _attacked(pieces: np.ndarray, kind: int, occupied: np.ndarray, up: int) -> np.ndarray:
    """The squares that one side's pieces of a kind attack; ``up``: 1 if its pawns move up, else
    -1."""
    if kind in (_PAWN, _KNIGHT, _KING):
        steps = ((up, 1), (up, -1)) if kind == _PAWN else _JUMPS
        steps = _STRAIGHT + _DIAGONAL if kind == _KING else steps
        return np.bitwise_or.reduce([_step(pieces[kind], step) for step in steps])
    lines = {_BISHOP: _DIAGONAL, _ROOK: _STRAIGHT, _QUEEN: _STRAIGHT + _DIAGONAL}[kind]
    return np.bitwise_or.reduce([_slide(pieces[kind], ~occupied, line) for line in lines])


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


def _step(squares: np.ndarray, step: Direction) -> np.ndarray:
    """All squares moved by one step; those that would leave the board are dropped."""
    return _shift(squares & _inside(step), step)


def _slide(sliders: np.ndarray, empty: np.ndarray, step: Direction) -> np.ndarray:
    """The squares that sliders attack in a direction, including the first occupied one."""
    rank, file = step
    reach = sliders
    free = empty & _inside((-rank, -file))
    for times in (1, 2, 4):
        far = (rank * times, file * times)
        reach = reach | free & _shift(reach, far)
        free = free & _shift(free, far)
    return _step(reach, step)


def _shift(squares: np.ndarray, step: Direction) -> np.ndarray:
    places = 8 * step[0] + step[1]
    count = np.uint64(abs(places))
    return squares << count if places > 0 else squares >> count


@cache
def _inside(step: Direction) -> np.uint64:
    """The squares from which a step stays on the board."""
    ranks, files = np.divmod(np.arange(64), 8)
    there = (ranks + step[0], files + step[1])
    inside = np.logical_and.reduce([(place >= 0) & (place < 8) for place in there])
    return np.uint64(bitboards(inside))
