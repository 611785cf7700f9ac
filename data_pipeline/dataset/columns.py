"""Many encoded records -> arrays, without a board for each: the fast path for training.

It reads the bytes of `records` and gives the same as `records.decode`, in the form of the network's
inputs. Fields differ in length from record to record, so each step first computes where its field
starts in every record.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records as layout
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.board import NUM_STATE, Moves, Positions
from data_pipeline.encoding.values import MATE

_HEADER_BYTES, _LONGEST = 12, 1024
_SIDES = np.array([[0, 1, 2, 3], [2, 3, 0, 1]], np.uint8)


class Columns(NamedTuple):
    """B positions with N moves, best first, from the side to move."""

    positions: Positions
    moves: Moves
    scores: np.ndarray  # [N] int32, see `values`


class _Bytes(NamedTuple):
    data: np.ndarray  # [L] uint8: all records, then zeros, so that reads stay inside
    starts: np.ndarray  # [B] int64
    ends: np.ndarray  # [B] int64


def read_columns(encoded: Sequence[bytes], max_moves: int) -> Columns:
    """Records -> their positions, and the best ``max_moves`` moves of each. Raises InputError for a
    truncated record."""
    ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    starts = np.concatenate(([0], ends[:-1]))
    data = np.frombuffer(b"".join((*encoded, bytes(_LONGEST))), np.uint8)
    packed = _Bytes(data, starts, ends)
    black = (data[starts] & layout.BLACK).astype(np.int64)
    positions, at = _read_positions(packed, black)
    moves, scores = _read_moves(packed, at, black)
    kept = np.flatnonzero(moves.columns < max_moves)
    return Columns(positions, Moves(*(field[kept] for field in moves)), scores[kept])


def _read_positions(packed: _Bytes, black: np.ndarray) -> tuple[Positions, np.ndarray]:
    """The positions, and the offsets at which they end [B]."""
    data, starts, _ = packed
    header = data[starts[:, None] + np.arange(_HEADER_BYTES)]
    occupied = np.unpackbits(header[:, 4:], axis=1, bitorder="little")
    counts = np.count_nonzero(occupied, axis=1)
    at = starts + _HEADER_BYTES
    rows, indices = _runs(counts)
    nibbles = data[at[rows] + (indices >> 1)] >> 4 * (indices & 1).astype(np.uint8) & 15
    squares = np.zeros(len(starts) * 64, np.uint8)
    squares[np.flatnonzero(occupied) ^ 56 * black[rows]] = _pieces()[black[rows], nibbles]

    state = np.zeros((len(starts), NUM_STATE), np.uint8)
    state[:, :4] = header[:, 1:2] >> _SIDES[black] & 1
    passed = header[:, 2].astype(np.uint64)
    (with_passed,) = np.nonzero(passed < 64)
    state[with_passed, 4 + (header[with_passed, 2] & 7)] = 1
    passed ^= 56 * black.astype(np.uint64)
    en_passant = np.where(header[:, 2] < 64, np.uint64(1) << (passed & 63), 0)
    return Positions(squares.reshape(-1, 64), state, en_passant), at + (counts + 1) // 2


def _read_moves(packed: _Bytes, at: np.ndarray, black: np.ndarray) -> tuple[Moves, np.ndarray]:
    """All N moves of the records whose positions end at ``at`` [B], and their scores [N]."""
    data = packed.data
    flags = data[packed.starts]
    for flag, size in layout.OPTIONAL_SIZES.items():
        at = at + size * (flags & flag > 0)
    mating, mated, counts = data[at[:, None] + np.arange(3)].T.astype(np.int64)
    at = at + 3
    rows, columns = _runs(counts)
    bits = at[rows] * 8 + columns * layout.ACTION_BITS
    first = bits >> 3
    three = data[first].astype(np.int64) << 16 | data[first + 1].astype(np.int64) << 8
    three |= data[first + 2]
    actions = three >> 24 - layout.ACTION_BITS - (bits & 7) & (1 << layout.ACTION_BITS) - 1
    at = at + (counts * layout.ACTION_BITS + 7) // 8
    scores = _read_scores(packed, at, counts, mating, mated)
    sources, targets, promotions = _squares_of_actions().take(actions, axis=1)
    turn = 56 * black[rows]
    return Moves(rows, columns, sources ^ turn, targets ^ turn, promotions), scores


def _read_scores(
    packed: _Bytes, at: np.ndarray, counts: np.ndarray, mating: np.ndarray, mated: np.ndarray
) -> np.ndarray:
    """[N] int32: for each record mates, then descending centipawns, then being mated."""
    data, starts, ends = packed
    middle = counts - mating - mated
    distances = at + mating + mated
    falls = np.where(middle > 0, ends - distances - 2, 0)
    fallen, found = _read_falls(data, distances + 2, np.maximum(falls, 0))
    wrong = (middle < 0) | (falls < 0) | (distances > ends) | (found != np.maximum(middle - 1, 0))
    if wrong.any():
        length = (ends - starts)[wrong.argmax()]
        raise InputError(f"expected a position record, found {length} bytes: cut short")

    rows, columns = _runs(counts)
    is_mating, is_mated = columns < mating[rows], columns >= (mating + middle)[rows]
    is_middle = ~(is_mating | is_mated)
    scores = np.empty(len(rows), np.int32)
    best = data[distances].astype(np.int32) | data[distances + 1].astype(np.int32) << 8
    later = columns[is_middle] > mating[rows[is_middle]]
    below = np.zeros(len(later), np.int32)
    below[later] = fallen
    scores[is_middle] = best.astype(np.int16)[rows[is_middle]] - below
    scores[is_mating] = MATE - data[at[rows[is_mating]] + columns[is_mating]].astype(np.int32)
    after_middle = columns[is_mated] - middle[rows[is_mated]]
    scores[is_mated] = data[at[rows[is_mated]] + after_middle].astype(np.int32) - MATE
    return scores


def _read_falls(
    data: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """B ranges of bytes -> by how much later scores are below the first one, for all ranges in a
    row, and their number in each range [B]."""
    rows, places = _runs(lengths)
    falls = data[starts[rows] + places]
    last = falls != 255
    found = np.bincount(rows[last], minlength=len(starts))
    total = np.concatenate(([0], np.cumsum(falls, dtype=np.int64)))
    before = total[np.cumsum(lengths) - lengths]
    return total[1:][last] - np.repeat(before, found), found


def _runs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run lengths [B] -> for each element of all runs, the index of its run and its index in the
    run."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]


@cache
def _pieces() -> np.ndarray:
    """[Black to move, nibble] -> piece, from the side to move; unused nibbles are empty squares."""
    white = np.array([*range(7), 0, 0, *range(7, 13), 0], np.uint8)
    black = np.array([0, *range(7, 13), 0, 0, *range(1, 7), 0], np.uint8)
    return np.stack((white, black))


@cache
def _squares_of_actions() -> np.ndarray:
    """[3, actions] int64: source, target and promotion of each action, as played by White."""
    return np.array(
        [(move.from_square, move.to_square, (move.promotion or 1) - 1) for move in CHESS_MOVES]
    ).T.copy()
