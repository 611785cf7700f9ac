"""The network as a pure function of its configuration, parameters and inputs.

Each architecture is one row of `ARCHITECTURES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import chess
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.board_batches import Inputs, empty_inputs, make_inputs
from data_pipeline.batches.sequence_batches import (
    SequenceInputs,
    empty_sequences,
    make_sequences,
    pairs,
)
from model.config import BoardConfig, NetworkConfig, SequenceConfig
from model.network import board_transformer, sequence_transformer
from model.targets import TARGETS
from model.targets.target import MakeInputs, Outputs


@dataclass(frozen=True)
class Architecture:
    """How a network of this architecture is run; every function takes its configuration first."""

    forward: Callable[[Any, Any, jnp.dtype], Outputs]
    """(config, inputs, type that layers compute in), called inside `hk.transform`."""
    empty_inputs: Callable[[Any, int, int], Any]
    """(config, positions, moves per position) -> inputs of zeros."""
    make_inputs: Callable[[Any, Sequence[chess.Board], Sequence[Sequence[chess.Move]], int], Any]
    """(config, boards, moves of each, number of moves to pad to) -> inputs."""
    shares_positions: Callable[[Any], bool] = lambda config: True
    """Whether all moves of a position are computed from one encoding of its board."""
    make_pairs: (
        Callable[[Any, Sequence[chess.Board], Sequence[Sequence[chess.Move]]], Any] | None
    ) = None
    """(config, boards, moves of each) -> inputs with a row for each move; needed if
    ``shares_positions`` can be false."""


def _board_inputs(
    config: BoardConfig,
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
    max_moves: int,
) -> Inputs:
    return make_inputs(boards, moves, max_moves, after=config.afterstates)


def _sequence_inputs(
    config: SequenceConfig,
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
    max_moves: int,
) -> SequenceInputs:
    return make_sequences(boards, moves, max_moves, config.clocks)


ARCHITECTURES: dict[str, Architecture] = {
    "board": Architecture(
        forward=board_transformer.forward,
        empty_inputs=lambda config, *shape: empty_inputs(*shape, after=config.afterstates),
        make_inputs=_board_inputs,
    ),
    "sequence": Architecture(
        forward=sequence_transformer.forward,
        empty_inputs=lambda config, *shape: empty_sequences(*shape),
        make_inputs=_sequence_inputs,
        shares_positions=lambda config: (
            config.causal or "moves" not in TARGETS[config.target].heads
        ),
        make_pairs=lambda config, boards, moves: pairs(boards, moves, config.clocks),
    ),
}


def architecture_of(config: NetworkConfig) -> Architecture:
    """The architecture of a network."""
    return ARCHITECTURES[config.architecture]


def inputs_of(config: NetworkConfig) -> MakeInputs:
    """(boards, moves of each, number of moves to pad to) -> the inputs of this network."""
    return partial(architecture_of(config).make_inputs, config)


def transformed(config: NetworkConfig, dtype: jnp.dtype = jnp.float32) -> hk.Transformed:
    """The pure functions ``init(key, inputs)`` and ``apply(params, inputs)``.

    The architecture `board` takes `board_batches.Inputs`, the architecture `sequence`
    `sequence_batches.SequenceInputs`; both give `Outputs`.
    """
    forward = architecture_of(config).forward
    return hk.without_apply_rng(hk.transform(lambda inputs: forward(config, inputs, dtype)))


def init_params(config: NetworkConfig, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Initial parameters, float32; a function of the seed alone."""
    return jax.tree.map(np.asarray, _init(config)(jax.random.key(seed), example_inputs(config)))


@lru_cache(maxsize=64)
def _init(config: NetworkConfig) -> Any:
    """(key, inputs) -> params, compiled once for all seeds."""
    return jax.jit(transformed(config).init)


def parameter_shapes(config: NetworkConfig) -> dict[tuple[str, str], tuple[int, ...]]:
    """(module, parameter) -> shape, by abstract evaluation only."""
    params = jax.eval_shape(transformed(config).init, jax.random.key(0), example_inputs(config))
    return {
        (module, name): array.shape
        for module, arrays in params.items()
        for name, array in arrays.items()
    }


def example_inputs(config: NetworkConfig, moves: int = 1) -> Any:
    """Inputs of zeros, for one position with ``moves`` moves."""
    return architecture_of(config).empty_inputs(config, 1, moves)
