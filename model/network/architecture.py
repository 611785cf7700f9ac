"""The network of either layout as a pure function of its configuration, parameters and inputs."""

from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.board_batches import empty_inputs
from data_pipeline.batches.sequence_batches import empty_sequences
from model.config import BoardConfig, NetworkConfig
from model.network import board_transformer as transformer
from model.network import sequence_transformer as sequence
from model.network.outputs import Outputs


def transformed(config: NetworkConfig, dtype: jnp.dtype = jnp.float32) -> hk.Transformed:
    """Haiku's pure pair: ``init(key, inputs)`` and ``apply(params, inputs)``.

    The `board` layout takes `board_batches.Inputs`, the `sequence` layout
    `sequence_batches.SequenceInputs`; both give `outputs.Outputs`.
    """

    def forward(inputs: Any) -> Outputs:
        if isinstance(config, BoardConfig):
            return transformer.forward(config, inputs, dtype)
        return sequence.forward(config, inputs, dtype)

    return hk.without_apply_rng(hk.transform(forward))


def init_params(config: NetworkConfig, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Parameters before training, float32; the same for the same seed."""
    params = jax.jit(transformed(config).init)(jax.random.key(seed), example_inputs(config))
    return jax.tree.map(np.asarray, params)


def parameter_shapes(config: NetworkConfig) -> dict[tuple[str, str], tuple[int, ...]]:
    """(module, parameter) -> shape, without computing anything."""
    params = jax.eval_shape(transformed(config).init, jax.random.key(0), example_inputs(config))
    return {
        (module, name): array.shape
        for module, arrays in params.items()
        for name, array in arrays.items()
    }


def example_inputs(config: NetworkConfig, moves: int = 1) -> Any:
    """The inputs of one position with so many moves, all zeros."""
    if isinstance(config, BoardConfig):
        return empty_inputs(1, moves, after=config.consequences)
    return empty_sequences(1, moves)
