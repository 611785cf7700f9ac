"""The cost of a network's forward pass, and the machine's peak performance."""

import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import chess
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.sequence_batches import tokens_of
from data_pipeline.encoding.actions import action_of
from model.config import NetworkConfig, SequenceConfig
from model.inference.predictor import CPU, backend
from model.network.architecture import example_inputs, parameter_shapes, transformed
from model.network.network_file import Network
from model.network.sequence_transformer import causal_mask, decode


def flop_of(config: NetworkConfig, moves: int) -> float:
    """Floating-point operations of one position's pass with ``moves`` moves, without padding.

    From XLA's count for one move, and its increase with a second move.
    """
    one, two = (_flop(config, count) for count in (1, 2))
    return one + (moves - 1) * (two - one)


@cache
def _flop(config: NetworkConfig, moves: int) -> float:
    params: dict[str, dict[str, jax.ShapeDtypeStruct]] = {}
    for (module, name), shape in parameter_shapes(config).items():
        params.setdefault(module, {})[name] = jax.ShapeDtypeStruct(shape, jnp.float32)
    return flop_count(jax.jit(transformed(config).apply), params, example_inputs(config, moves))


def flop_count(function: jax.stages.Wrapped, *arguments: Any) -> float:
    """Floating-point operations of a jitted function, by XLA's count before compilation."""
    analysis = function.lower(*arguments).cost_analysis()
    assert analysis is not None
    return analysis["flops"]


def matmul_rates(repeats: int = 10) -> list[float]:
    """Floating-point operations per second of repeated large matrix products.

    In the type that networks compute in on this machine; the highest rate is the machine's peak.
    """
    size, rates = (2048 if backend() == CPU else 8192), []
    matrix = jnp.ones((size, size), backend().dtype)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    for _ in range(repeats):
        start = time.perf_counter()
        product(matrix, matrix).block_until_ready()
        rates.append(2 * size**3 / (time.perf_counter() - start))
    return rates


class OneByOne:
    """A `sequence` network run as in the reference: one sequence at a time, for each legal move,
    with outputs computed at all of its 79 positions."""

    def __init__(self, network: Network) -> None:
        config = network.config
        assert isinstance(config, SequenceConfig)
        self.config, self.bins = config, network.bins
        self._params = jax.device_put(network.params)
        forward = partial(_all_outputs, config, jnp.dtype(backend().dtype))
        self._forward = jax.jit(hk.without_apply_rng(hk.transform(forward)).apply)

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """See `model.inference.action_values`."""
        values = []
        for board, legal in zip(boards, moves, strict=True):
            tokens = np.pad(tokens_of(board, self.config.clocks).astype(np.int32), 1)
            rows = []
            for move in legal:
                tokens[-1] = action_of(move)
                rows.append(np.asarray(self._forward(self._params, tokens[None]))[0, -1])
            values.append(np.stack(rows))
        return values


def _all_outputs(config: SequenceConfig, dtype: jnp.dtype, tokens: jax.Array) -> jax.Array:
    """[B, 79] int32, starting with 0 -> [B, 79, K] float32: distributions at every token."""
    length = tokens.shape[1]
    mask = causal_mask(1) if config.causal else None
    logits = decode(config, tokens, np.arange(length), mask, slice(None), dtype)
    return jax.nn.softmax(logits)


def peak_memory() -> int | None:
    """The peak resident memory of this process in bytes; None if the system does not report it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
