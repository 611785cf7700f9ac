"""Mirroring left to right, which does not change a position's value if no side can castle."""

from typing import NamedTuple

import numpy as np

from data_pipeline.encoding.board import Moves, Positions

_CASTLING, _FILES = slice(0, 4), slice(4, 12)
_BYTE = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])


class Mirrored(NamedTuple):
    """Positions and their moves."""

    positions: Positions
    moves: Moves


def mirror(positions: Positions, moves: Moves, chosen: np.ndarray) -> Mirrored:
    """B positions and their moves, with the ``chosen`` ones, [B] bool, mirrored unless a side has
    castling rights; its own inverse."""
    which = chosen & ~positions.state[:, _CASTLING].any(axis=1)
    squares = positions.squares.reshape(-1, 8, 8)
    state = positions.state.copy()
    state[:, _FILES] = np.where(which[:, None], state[:, _FILES][:, ::-1], state[:, _FILES])
    passed = _BYTE[positions.en_passant[:, None].astype("<u8").view(np.uint8)].view("<u8")[:, 0]
    turn = 7 * which[moves.rows]
    return Mirrored(
        Positions(
            np.where(which[:, None, None], squares[:, :, ::-1], squares).reshape(-1, 64),
            state,
            np.where(which, passed, positions.en_passant),
        ),
        moves._replace(sources=moves.sources ^ turn, targets=moves.targets ^ turn),
    )
