"""The whole board after each of many moves: attacks, loose pieces and where kings could flee to.

Everything follows from the rules and from what pieces are worth; bitboards and pieces are those of
`attacks`, seen from the side that moves, before and after. Where an attack starts from does not
matter here, so all pieces of a kind are moved at once: steps are shifts of the whole board, and
slides are filled along each of the eight directions in three doubling steps (Kogge-Stone).
"""

from functools import cache

import numpy as np

from data_pipeline.attacks import NUM_PIECES, bitboards
from data_pipeline.board import Moves, Positions

NUM_CONSEQUENCES = 8

_PAWN, _KNIGHT, _BISHOP, _ROOK, _QUEEN, _KING = range(6)
_STRAIGHT = ((0, 1), (0, -1), (1, 0), (-1, 0))
_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_ALL = _STRAIGHT + _DIAGONAL
_JUMPS = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))

_FIRST_OF_KIND = np.cumsum((0, 2, 8, 4, 4, 8))
"""Where the ways of moving of each kind begin, in the order of `_attacks`."""
_WORTH = np.array((1, 3, 3, 5, 9, 100, 0))
"""Of each kind, and of no piece."""
_CAPTURES = 8
"""At most, on one square."""

Direction = tuple[int, int]
"""Ranks up, files to the right."""


def consequences(positions: Positions, moves: Moves) -> np.ndarray:
    """[N, 8] uint64 of N moves, for the board after each: the squares that the opponent attacks,
    those that the side that moved attacks, its loose pieces, the opponent's, the squares where its
    king could flee to, the opponent's, and of the loose pieces those that lose a lot, both sides'.

    A piece is loose where the other side wins something by a series of captures on its square, each
    with the least piece and none that would be a loss (static exchange evaluation; pieces behind
    others and pins do not count); a king where it is in check. A lot is 3 or more, where a pawn is
    1, a knight or a bishop 3, a rook 5, a queen 9. A king could flee to what is next to it, free of
    its own pieces and not attacked. Pieces of a castled rook count as still in the corner, as in
    `board`.
    """
    own, other = _pieces_after(positions, moves)
    occupied = np.bitwise_or.reduce(np.concatenate((own, other)))
    by_own, by_other = (_attacks(own, occupied, 1), _attacks(other, occupied, -1))
    all_own, all_other = np.bitwise_or.reduce(by_own), np.bitwise_or.reduce(by_other)
    own_loose, own_lost = _loose(own, by_other, by_own)
    other_loose, other_lost = _loose(other, by_own, by_other)
    flights = (
        attacks[-1] & ~np.bitwise_or.reduce(pieces) & ~attacked
        for attacks, pieces, attacked in ((by_own, own, all_other), (by_other, other, all_own))
    )
    maps = (all_other, all_own, own_loose, other_loose, *flights, own_lost, other_lost)
    return np.stack(maps, axis=1)


def _pieces_after(positions: Positions, moves: Moves) -> tuple[np.ndarray, np.ndarray]:
    """Bitboards [6, N] by kind after each move: of the side that moved, and of the opponent."""
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


def _attacks(pieces: np.ndarray, occupied: np.ndarray, up: int) -> np.ndarray:
    """[27, N]: what one side's pieces attack, each way of moving by itself, kinds in their order;
    no two pieces attack a square in the same way. ``up``: 1 where its pawns move up, else -1."""
    pawns = [_step(pieces[_PAWN], (up, side)) for side in (1, -1)]
    knights = [_step(pieces[_KNIGHT], jump) for jump in _JUMPS]
    slides = [
        _slide(pieces[kind], ~occupied, line)
        for kind, lines in ((_BISHOP, _DIAGONAL), (_ROOK, _STRAIGHT), (_QUEEN, _ALL))
        for line in lines
    ]
    king = np.bitwise_or.reduce([_step(pieces[_KING], step) for step in _ALL])
    return np.stack((*pawns, *knights, *slides, king))


def _loose(
    pieces: np.ndarray, attacks: np.ndarray, defences: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One side's pieces [6, N] that lose something, and those that lose a lot; from what the other
    side attacks and what it attacks itself [27, N]."""
    targets = np.bitwise_or.reduce(pieces) & np.bitwise_or.reduce(attacks)
    rows, squares = np.nonzero(
        np.unpackbits(targets[:, None].view(np.uint8), axis=1, bitorder="little")
    )
    at = squares.astype(np.uint64)
    worth = _WORTH[np.argmax(pieces[:, rows] >> at & np.uint64(1), axis=0)]
    by_turns = zip(
        *(_in_order(way[:, rows] >> at & np.uint64(1)) for way in (attacks, defences)), strict=True
    )
    taking = [each for pair in by_turns for each in pair]
    won = np.zeros(len(rows), np.int64)
    for captured, by in reversed([*zip([worth, *taking], taking, strict=False)]):
        won = np.where(by > 0, np.maximum(0, captured - won), 0)
    found = []
    for least in (1, 3):
        boards = np.zeros(targets.shape, np.uint64)
        np.bitwise_or.at(boards, rows, np.where(won >= least, np.uint64(1) << at, np.uint64(0)))
        found.append(boards)
    return found[0], found[1]


def _in_order(ways: np.ndarray) -> np.ndarray:
    """Which of the 27 ways of moving reach a square [27, E] -> what the pieces that do are worth,
    the least first, 0 where there are no more: [_CAPTURES // 2, E]."""
    counts = np.add.reduceat(ways.astype(np.uint8), _FIRST_OF_KIND, axis=0)
    until = np.cumsum(counts, axis=0, dtype=np.uint8)
    kinds = np.stack([(until <= number).sum(axis=0) for number in range(_CAPTURES // 2)])
    return _WORTH[kinds]


def _step(squares: np.ndarray, step: Direction) -> np.ndarray:
    """All squares moved at once; what would leave the board is gone."""
    return _shift(squares & _inside(step), step)


def _slide(sliders: np.ndarray, empty: np.ndarray, step: Direction) -> np.ndarray:
    """Squares that sliders see along a direction, up to and with the first that is occupied."""
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
    """The squares that a step from does not leave the board."""
    ranks, files = np.divmod(np.arange(64), 8)
    there = (ranks + step[0], files + step[1])
    inside = np.logical_and.reduce([(place >= 0) & (place < 8) for place in there])
    return np.uint64(bitboards(inside))
