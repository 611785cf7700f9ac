"""Left and right exchanged: a position as good for either side, where neither may castle."""

from typing import NamedTuple

import numpy as np

from data_pipeline.encoding.board import Moves, Positions

_CASTLING, _FILES = slice(0, 4), slice(4, 12)
_BYTE = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])


class Mirrored(NamedTuple):
    """Positions and their moves."""

    positions: Positions
    moves: Moves


def mirror(positions: Positions, moves: Moves, turned: np.ndarray) -> Mirrored:
    """B positions and their moves, mirrored where ``turned`` [B] says so and neither side has the
    right to castle; its own inverse."""
    which = turned & ~positions.state[:, _CASTLING].any(axis=1)
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
