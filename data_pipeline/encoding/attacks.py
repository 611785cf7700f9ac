"""The attacks of pieces, for many squares and occupancies at once.

Bitboards are uint64, bit s for square s (a1 = 0, b1 = 1, a2 = 8). Pieces are numbered from the side
to move, which plays up the board: 0 empty, 1 to 6 own P N B R Q K, 7 to 12 the opponent's.

A slider moves along some of the four lines through its square: rank, file, diagonal, anti-diagonal.
How far it sees depends only on the six inner squares of each line. A multiplication gathers their
bits at the top, as a number from 0 to 63 that indexes a table of attacks (magic bitboards).
"""

from functools import cache
from typing import NamedTuple

import chess
import numpy as np

NUM_PIECES = 13
NUM_LINES = 4

_ONES = np.uint64(2**64 - 1)
_NONE = [0] * 64
_BISHOP, _ROOK, _QUEEN = 3, 4, 5


class AttackTables(NamedTuple):
    """Tables of uint64 bitboards, 128 KiB in total."""

    lines: np.ndarray  # [4, 64]: the other squares of each line through a square
    factors: np.ndarray  # [4, 64]: gather the inner squares of the line in the bits from 58 up
    rays: np.ndarray  # [4 * 64 * 64]: attacks by line, square and occupancy of the inner squares
    above: np.ndarray  # [64]: all squares with a higher index
    steps: np.ndarray  # [13, 64]: attacks of pawns, knights and kings by piece and square, or 0
    slides: np.ndarray  # [4, 13]: all ones if the piece moves along the line, or 0


def bitboards(members: np.ndarray) -> np.ndarray:
    """Membership of each square in sets, [..., 64] bool -> [...] uint64."""
    return np.packbits(members, axis=-1, bitorder="little").view("<u8")[..., 0]


@cache
def attack_tables() -> AttackTables:
    """The tables, computed on first use."""
    ranks, files = np.divmod(np.arange(64), 8)
    numbers = np.stack((ranks, files, ranks - files, ranks + files))
    lines = bitboards((numbers[:, :, None] == numbers[:, None]) & ~np.eye(64, dtype=bool))
    pattern = _line_attacks()
    by_file = bitboards(np.tile(pattern, 8))
    by_rank = bitboards(np.repeat(pattern, 8, axis=-1))
    rays = np.stack([by_file[files], by_rank[ranks], by_file[files], by_file[files]])
    pieces = np.arange(NUM_PIECES)
    kinds = np.where(pieces > 6, pieces - 6, pieces)
    straight, diagonal = (np.isin(kinds, (kind, _QUEEN)) * _ONES for kind in (_ROOK, _BISHOP))
    return AttackTables(
        lines,
        _factors(),
        (rays & lines[..., None]).ravel(),
        _ONES << np.arange(64, dtype=np.uint64) << 1,
        _steps(),
        np.stack((straight, straight, diagonal, diagonal)),
    )


def rays_from(squares: np.ndarray, occupied: np.ndarray) -> np.ndarray:
    """Squares [N] int64, occupied [N] -> [4, N]: the squares visible from each square along each
    line, including the first occupied square in either direction."""
    tables = attack_tables()
    number = tables.lines.take(squares, axis=1)
    number &= occupied
    number *= tables.factors.take(squares, axis=1)
    number >>= 58
    index = number.view(np.int64)
    index += squares * 64
    index += np.arange(NUM_LINES)[:, None] * 4096
    return tables.rays.take(index)


def attacks_by(pieces: np.ndarray, squares: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Pieces [N], their squares [N] and the rays from there [4, N] -> attacked squares [N]."""
    tables = attack_tables()
    along = np.bitwise_or.reduce(rays & tables.slides.take(pieces, axis=1))
    return tables.steps.take(pieces * 64 + squares) | along


def _line_attacks() -> np.ndarray:
    """[8 squares of a line, 64 occupancies, 8 squares] bool: attacked along the line."""
    occupied = np.arange(64)[:, None] << 1 >> np.arange(9) & 1
    below = np.cumsum(occupied, axis=1) - occupied
    at, to = np.arange(8)[:, None], np.arange(8)
    low, high = np.minimum(at, to), np.maximum(at, to)
    between = below[:, high] - below[:, np.minimum(low + 1, high)]
    return ((between == 0) & (at != to)).transpose(1, 0, 2)


def _factors() -> np.ndarray:
    """[4, 64] uint64. Ranks and diagonals have one square on each file: the sum over all ranks
    gives the files in order. On a file, each of the six inner squares needs its own shift."""
    sums = [sum(1 << 8 * rank + 1 for rank in range(8))] * 64
    shifts = [sum(1 << 57 - 7 * rank - square % 8 for rank in range(1, 7)) for square in range(64)]
    return np.array([sums, shifts, sums, sums], np.uint64)


def _steps() -> np.ndarray:
    up, down = chess.BB_PAWN_ATTACKS[chess.WHITE], chess.BB_PAWN_ATTACKS[chess.BLACK]
    others = [chess.BB_KNIGHT_ATTACKS, _NONE, _NONE, _NONE, chess.BB_KING_ATTACKS]
    return np.array([_NONE, up, *others, down, *others], np.uint64)
