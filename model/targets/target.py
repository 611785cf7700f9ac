"""The interface of a target: its batches, its loss, and how its outputs become move values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import chess
import jax
import numpy as np

from data_pipeline.batches.batch import Batch, Batches, BatchOptions, Data
from model.config import LossConfig

Parts = dict[str, jax.Array]
"""The loss and its terms, for the logs."""
MakeInputs = Callable[[Sequence[chess.Board], Sequence[Sequence[chess.Move]], int], Any]
"""(boards, moves of each, number of moves to pad to) -> the inputs of a network's architecture."""


@dataclass(frozen=True)
class BatchSource:
    """Everything that batches are made from."""

    data: Data
    make_inputs: MakeInputs
    batch_size: int
    seed: int
    options: BatchOptions
    processes: int = 0
    """Processes that prepare batches; 0: a thread does."""


class Outputs(NamedTuple):
    """Logits, from the point of view of the side to move; None if the target has no such output.

    Distributions are over K bins of win probability.
    """

    moves: jax.Array | None = None
    """[B, M, K] float32: win probability after each move."""
    state: jax.Array | None = None
    """[B, K] float32: win probability of the position."""
    policy: jax.Array | None = None
    """[B, M] float32: each move is the one played."""
    policy_total: jax.Array | None = None
    """[B] float32: log-sum-exp of the policy's logits over all moves that could be played."""


@dataclass(frozen=True)
class PredictionTarget:
    """One kind of prediction: how it is learned, and how it is decoded for play."""

    heads: tuple[str, ...]
    """The fields of `Outputs` that it needs; the architecture `sequence` has only the first."""
    batches: Mapping[str, Callable[[BatchSource], Batches]]
    """For each architecture by name, a function that gives an endless stream of batches."""
    loss: Callable[[LossConfig, float, Outputs, Batch], tuple[jax.Array, Parts]]
    """(weights, mate range, outputs, batch) -> the loss [] and its parts, which include
    ``action_values``, the number of move values trained on."""
    read: Callable[[Outputs], jax.Array]
    """Decodes the outputs for play, as part of the compiled pass: [B, M, ...] for moves, or
    [B, ...] for positions."""
    move_values: Callable[[np.ndarray], np.ndarray] = lambda read: read
    """The result of ``read`` for M moves [M, ...] -> their distributions [M, K]."""
    of_positions: bool = False
    """Whether ``read`` is about positions; a move is then valued by the position after it."""
    gives_win_probs: bool = True
    """Whether distributions are over win probability; if not, K = 2: the probabilities that a move
    is not, and is, the one played."""
