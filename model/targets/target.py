"""A row of the table of targets: how it is learned and how play reads it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import chess
import jax
import numpy as np

from data_pipeline.batches.batch import Batch, Batches, BatchOptions, Data
from model.config import LossConfig

Parts = dict[str, jax.Array]
"""The loss and what it is made of, to be logged."""
MakeInputs = Callable[[Sequence[chess.Board], Sequence[Sequence[chess.Move]], int], Any]
"""(boards, moves of each, most moves) -> the inputs of a network's architecture."""
MakeBatches = Callable[[Data, MakeInputs, int, int, BatchOptions], Batches]
"""(data, make_inputs, batch size, seed, options) -> batches without end."""


class Outputs(NamedTuple):
    """Logits, from the point of view of the side to move; None where the target has no such output.

    Distributions are over K bins of win probability.
    """

    moves: jax.Array | None = None  # [B, M, K] float32: win probability after each move
    state: jax.Array | None = None  # [B, K] float32: win probability of the position
    policy: jax.Array | None = None  # [B, M] float32: that each move is the one played
    policy_total: jax.Array | None = None
    """[B] float32: log of the sum of exp(policy), over all moves that could be played."""


@dataclass(frozen=True)
class PredictionTarget:
    """One thing that networks predict."""

    heads: tuple[str, ...]
    """The fields of `Outputs` that it needs; the architecture `sequence` has the first only."""
    batches: Mapping[str, MakeBatches]
    """By the name of the architecture."""
    loss: Callable[[LossConfig, float, Outputs, Batch], tuple[jax.Array, Parts]]
    """(weights, mate range, outputs, batch) -> the loss [] and its parts; among these
    ``action_values``, the number of move values that were learned from."""
    read: Callable[[Outputs], jax.Array]
    """What play reads; compiled with the network: [B, M, ...] of moves or [B, ...] of positions."""
    move_values: Callable[[np.ndarray], np.ndarray] = lambda read: read
    """What was read for M moves [M, ...] -> their distributions [M, K]."""
    of_positions: bool = False
    """Whether what is read is a position's. A move is then told from the position after it."""
    gives_win_probs: bool = True
    """Whether distributions are of win probabilities; else K = 2, that a move is not the one
    played, and that it is."""
