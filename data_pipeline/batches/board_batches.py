"""Positions with their moves -> arrays of fixed shapes, the inputs of the architecture `board`."""

from collections.abc import Sequence
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.batches.batch import Batch
from data_pipeline.dataset.columns import read_columns
from data_pipeline.encoding.afterstates import NUM_AFTERSTATES, afterstates
from data_pipeline.encoding.board import (
    NUM_RELATIONS,
    NUM_STATE,
    Moves,
    Positions,
    moves_of,
    positions_of,
    relations_of,
)
from data_pipeline.encoding.mirroring import mirror
from data_pipeline.encoding.values import ValueBins


class Inputs(NamedTuple):
    """B positions with up to M moves each, from the side to move; see
    `data_pipeline.encoding.board`.

    Bitboards are eight bytes, from rank 1 to rank 8, with file a in the lowest bit.
    """

    squares: np.ndarray  # [B, 64] uint8
    state: np.ndarray  # [B, NUM_STATE] uint8
    attacks: np.ndarray  # [B, 64, 8] uint8
    xrays: np.ndarray  # [B, 64, 8] uint8
    sources: np.ndarray  # [B, M] uint8
    targets: np.ndarray  # [B, M] uint8
    promotions: np.ndarray  # [B, M] uint8
    relations: np.ndarray  # [B, M, NUM_RELATIONS, 8] uint8
    afterstates: np.ndarray  # [B, M, NUM_AFTERSTATES, 8] uint8, or [B, M, 0, 8] without them
    mask: np.ndarray  # [B, M] bool: False for padding


def make_inputs(
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
    max_moves: int,
    *,
    after: bool = False,
) -> Inputs:
    """Boards and their moves (at most ``max_moves`` each) -> arrays, padded with zeros.

    ``after``: include the moves' `afterstates`.
    """
    return _inputs(positions_of(boards), moves_of(boards, moves), max_moves, after)


def make_batch(
    encoded: Sequence[bytes],
    max_moves: int,
    mate_range: float = 0.0,
    *,
    after: bool = False,
    mirrored: np.ndarray | None = None,
) -> Batch:
    """Encoded records -> a batch. If a position has more than ``max_moves`` moves, the best are
    kept.

    ``targets``: [B, M] float32, the teacher's bin values (see `data_pipeline.encoding.values`;
    these are win probabilities if there is no mate range), 0 for padding. ``after``: include the
    moves' `afterstates`. ``mirrored``: [B] bool, which positions to mirror left to right if
    possible (see `mirroring`). Raises InputError, a ValueError, if a record is truncated.
    """
    read = read_columns(encoded, max_moves)
    if mirrored is not None:
        read = read._replace(**mirror(read.positions, read.moves, mirrored)._asdict())
    inputs = _inputs(read.positions, read.moves, max_moves, after)
    targets = np.zeros((len(encoded), max_moves), np.float32)
    bin_values = ValueBins(mate_range=mate_range).bin_values_of_scores(read.scores)
    targets[read.moves.rows, read.moves.columns] = bin_values
    return Batch(inputs, targets)


def empty_inputs(positions: int, max_moves: int, *, after: bool = False) -> Inputs:
    """Inputs of zeros: positions without pieces and moves. ``after``: with `afterstates`."""
    shapes = {
        "squares": (64,),
        "state": (NUM_STATE,),
        "attacks": (64, 8),
        "xrays": (64, 8),
        "sources": (max_moves,),
        "targets": (max_moves,),
        "promotions": (max_moves,),
        "relations": (max_moves, NUM_RELATIONS, 8),
        "afterstates": (max_moves, NUM_AFTERSTATES if after else 0, 8),
        "mask": (max_moves,),
    }
    return Inputs(
        **{
            name: np.zeros((positions, *shape), bool if name == "mask" else np.uint8)
            for name, shape in shapes.items()
        }
    )


def _inputs(positions: Positions, moves: Moves, max_moves: int, after: bool) -> Inputs:
    relations = relations_of(positions, moves)
    inputs = empty_inputs(len(positions.squares), max_moves, after=after)
    cells = moves.rows * max_moves + moves.columns
    inputs.sources.ravel()[cells] = moves.sources
    inputs.targets.ravel()[cells] = moves.targets
    inputs.promotions.ravel()[cells] = moves.promotions
    inputs.mask.ravel()[cells] = True
    inputs.relations.view("<u8").reshape(-1, NUM_RELATIONS)[cells] = relations.moves
    if after:
        flat = inputs.afterstates.view("<u8").reshape(-1, NUM_AFTERSTATES)
        flat[cells] = afterstates(positions, moves)
    return inputs._replace(
        squares=positions.squares,
        state=positions.state,
        attacks=_bytes(relations.attacks),
        xrays=_bytes(relations.xrays),
    )


def _bytes(masks: np.ndarray) -> np.ndarray:
    """Bitboards [...] uint64 -> [..., 8] uint8."""
    return masks.astype("<u8", copy=False)[..., None].view(np.uint8)
