"""Compiled forward passes of a network: positions in, distributions of their moves out.

Inputs are padded, so that few shapes are ever compiled. Where a position's moves share one board,
a pass takes positions, padded to a power of two, and their moves, padded to 64 or 256 (no position
has more than 218). Where every move is a sequence of its own, it takes sequences, whatever their
position, in batches of a few fixed sizes. CPUs are fastest where a pass stays in their caches.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import chess
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches import Inputs, make_inputs
from data_pipeline.sequences import SequenceInputs, make_sequences, pairs
from model.config import BoardConfig, ComputeDtype, NetworkConfig, SequenceConfig
from model.layouts import transformed
from model.network import Network, Params

MOVE_SHAPES = (64, 256)


@dataclass(frozen=True)
class Backend:
    """What suits the hardware: the type that layers compute in, and the sizes of passes."""

    dtype: ComputeDtype
    max_positions: int
    """A power of two; larger requests are divided."""
    sequences: tuple[int, ...]
    """Falling sizes, each a multiple of the next."""


CPU = Backend("float32", 32, (16, 8, 4))
ACCELERATOR = Backend("bfloat16", 256, (256, 32, 8))


def backend() -> Backend:
    """Of the device that JAX computes on."""
    return CPU if jax.default_backend() == "cpu" else ACCELERATOR


@partial(jax.jit, static_argnames=("config", "dtype"))
def distributions(
    config: NetworkConfig, dtype: ComputeDtype, params: Params, inputs: Inputs | SequenceInputs
) -> jax.Array:
    """[B, M, K] float32: the distribution of each move's win probability.

    Compiled once for each configuration and shape, whatever the parameters.
    """
    return jax.nn.softmax(transformed(config, jnp.dtype(dtype)).apply(params, inputs).moves)


class Predictor:
    """A network, ready to give values. Safe to use from several threads."""

    def __init__(self, network: Network, compute_dtype: ComputeDtype | None = None) -> None:
        self.network = network
        self.bins = network.bins
        self._backend = backend()
        self.dtype: ComputeDtype = compute_dtype or self._backend.dtype
        self._params = jax.device_put(network.params)
        self._lock = threading.Lock()

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """The distribution of the win probability after each move, from the side to move.

        moves[i] are legal moves of boards[i]. Returns one array [len(moves[i]), K] float32 for each
        board; its rows sum to 1. Boards without moves give an empty array.
        """
        values: list[np.ndarray] = [np.zeros((0, self.bins.count), np.float32)] * len(boards)
        # Few moves first, so that positions of one pass need much the same padding.
        order = sorted((i for i in range(len(boards)) if moves[i]), key=lambda i: len(moves[i]))
        most = self._backend.max_positions
        for start in range(0, len(order), most):
            rows = order[start : start + most]
            some = [boards[i] for i in rows], [moves[i] for i in rows]
            result = self._shared(*some) if self._shares_boards else self._separate(*some)
            for row, distributions in zip(rows, result, strict=True):
                values[row] = distributions[: len(moves[row])]
        return values

    def warm_up(self) -> None:
        """Compile what playing one game needs, so that the first move is as fast as the others."""
        board = chess.Board()
        moves = list(board.legal_moves)
        for shape in MOVE_SHAPES if self._shares_boards else self._backend.sequences:
            self.action_values([board], [(moves * shape)[:shape]])

    @property
    def _shares_boards(self) -> bool:
        config = self.network.config
        return isinstance(config, BoardConfig) or config.causal

    def _shared(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """N arrays [M, K] for N <= max_positions boards, M padded; one pass."""
        positions = 1 << (len(boards) - 1).bit_length()
        most = max(map(len, moves))
        padded = next(shape for shape in MOVE_SHAPES if shape >= most)
        fill = positions - len(boards)
        rows = [*boards, *[boards[0]] * fill], [*moves, *[()] * fill]
        config = self.network.config
        if isinstance(config, BoardConfig):
            inputs = make_inputs(*rows, padded)
        else:
            inputs = make_sequences(*rows, padded, config.clocks)
        return list(self._run(inputs)[: len(boards)])

    def _separate(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """N arrays [len(moves[i]), K]; as few passes as the shapes allow."""
        config = self.network.config
        assert isinstance(config, SequenceConfig)
        sequences = pairs(boards, moves, config.clocks)
        results = [self._run(inputs)[:, 0] for inputs in self._divide(sequences)]
        ends = np.cumsum([len(row) for row in moves])
        return np.split(np.concatenate(results)[: ends[-1]], ends[:-1])

    def _run(self, inputs: Inputs | SequenceInputs) -> np.ndarray:
        with self._lock:
            return np.asarray(distributions(self.network.config, self.dtype, self._params, inputs))

    def _divide(self, sequences: SequenceInputs) -> Iterator[SequenceInputs]:
        """Sequences [N] -> batches, large ones first, the last filled with zeros."""
        shapes = self._backend.sequences
        count, start = len(sequences.boards), 0
        while start < count:
            left = -(-(count - start) // shapes[-1]) * shapes[-1]
            size = next(shape for shape in shapes if shape <= left)
            batch = (array[start : start + size] for array in sequences)
            padded = (np.pad(array, ((0, size - len(array)), (0, 0))) for array in batch)
            yield SequenceInputs(*padded)
            start += size
