"""Forward passes of any network in JAX: positions and moves in, values of the moves out.

On a CPU, `board` networks with the target action-value play by `board_predictor` instead.

Inputs are padded, so that only a few shapes are compiled. If the moves of a position share one
encoding of its board, a pass takes positions, padded to a power of two, and their moves, padded to
40 (most positions have fewer) or 64; a position with more moves is divided. Otherwise every move is
a separate row: a sequence that contains it, or the position after it. A pass then takes rows of any
positions, in batches of a few fixed sizes. Sizes are small on CPUs, so that a pass stays in cache.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import chess
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.board_batches import Inputs
from data_pipeline.batches.sequence_batches import SequenceInputs
from data_pipeline.encoding.values import ValueBins
from model.config import ComputeDtype, NetworkConfig
from model.network.architecture import architecture_of, inputs_of, transformed
from model.network.network_file import Network, Params
from model.targets import TARGETS

MOVE_SHAPES = (40, 64)

AnyInputs = TypeVar("AnyInputs", bound=Inputs | SequenceInputs)


@dataclass(frozen=True)
class Backend:
    """Settings for the hardware: the type that layers compute in, and the sizes of passes."""

    dtype: ComputeDtype
    max_positions: int
    """Most positions in a pass, a power of two; larger requests are divided."""
    sequences: tuple[int, ...]
    """Sizes of passes of single rows, in descending order, each a multiple of the next."""


CPU = Backend("float32", 32, (32, 8, 4))
ACCELERATOR = Backend("bfloat16", 256, (256, 32, 8))


def backend() -> Backend:
    """The settings for the device that JAX computes on."""
    return CPU if jax.default_backend() == "cpu" else ACCELERATOR


@partial(jax.jit, static_argnames=("config", "dtype"))
def distributions(
    config: NetworkConfig, dtype: ComputeDtype, params: Params, inputs: Inputs | SequenceInputs
) -> jax.Array:
    """The network's outputs as decoded for play by its target (`PredictionTarget.read`), float32.

    Compiled once for each configuration and shape of inputs, for any parameters.
    """
    outputs = transformed(config, jnp.dtype(dtype)).apply(params, inputs)
    return TARGETS[config.target].read(outputs)


class Predictor:
    """Move values from a network (`ActionValues`). Safe to use from several threads."""

    def __init__(self, network: Network, compute_dtype: ComputeDtype | None = None) -> None:
        self.network = network
        self._target = TARGETS[network.config.target]
        self._architecture = architecture_of(network.config)
        self.gives_win_probs = self._target.gives_win_probs
        self.bins = network.bins if self.gives_win_probs else ValueBins(2)
        self._backend = backend()
        self.dtype: ComputeDtype = compute_dtype or self._backend.dtype
        self._params = jax.device_put(network.params)
        self._lock = threading.Lock()

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """See `model.inference.action_values`; ``moves[i]`` are legal moves of ``boards[i]``."""
        parts = [(i, part) for i, of_board in enumerate(moves) for part in self._parts(of_board)]
        found: list[np.ndarray] = [np.zeros(0)] * len(parts)
        # Sorted by the number of moves, so that positions of one pass need similar padding.
        order = sorted(range(len(parts)), key=lambda k: len(parts[k][1]))
        size = self._backend.max_positions
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            some = [boards[parts[k][0]] for k in batch], [parts[k][1] for k in batch]
            result = self._shared(*some) if self._shares_boards else self._separate(*some)
            for k, values in zip(batch, result, strict=True):
                found[k] = values[: len(parts[k][1])]
        of_boards: list[list[np.ndarray]] = [[] for _ in boards]
        for (i, _), values in zip(parts, found, strict=True):
            of_boards[i].append(values)
        nothing = np.zeros((0, self.bins.count), np.float32)
        return [
            self._target.move_values(np.concatenate(of_board)) if of_board else nothing
            for of_board in of_boards
        ]

    def _parts(self, moves: Sequence[chess.Move]) -> Iterator[Sequence[chess.Move]]:
        """A position's moves, in parts that each fit one pass."""
        most = MOVE_SHAPES[-1] if self._shares_boards else len(moves)
        return (moves[start : start + most] for start in range(0, len(moves), most or 1))

    def warm_up(self, positions: int = 1) -> None:
        """Compile the passes that games need, so that their first moves are as fast as later ones.

        ``positions``: how many will be asked for at once.
        """
        board = chess.Board()
        moves = list(board.legal_moves)
        for shape in MOVE_SHAPES if self._shares_boards else self._backend.sequences:
            self.action_values([board], [(moves * shape)[:shape]])
        most = min(positions, self._backend.max_positions) if self._shares_boards else 1
        for power in range(1, (most - 1).bit_length() + 1):
            self.action_values([board] * 2**power, [moves] * 2**power)

    @property
    def _shares_boards(self) -> bool:
        config = self.network.config
        return not self._target.of_positions and self._architecture.shares_positions(config)

    def _shared(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """One pass for N <= max_positions boards -> N arrays [M, K] or [M], with M padded."""
        positions = 1 << (len(boards) - 1).bit_length()
        most = max(map(len, moves))
        padded = next(shape for shape in MOVE_SHAPES if shape >= most)
        fill = positions - len(boards)
        rows = [*boards, *[boards[0]] * fill], [*moves, *[()] * fill]
        inputs = inputs_of(self.network.config)(*rows, padded)
        return list(self._run(inputs)[: len(boards)])

    def _separate(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """N boards -> N arrays [len(moves[i]), K], with as few passes as the sizes allow."""
        config = self.network.config
        if self._target.of_positions:
            after = [_after(*pair) for pair in zip(boards, moves, strict=True)]
            rows = [board for of_board in after for board in of_board]
            inputs = inputs_of(config)(rows, [()] * len(rows), 0)
            results = [self._run(some) for some in self._divide(inputs)]
        else:
            assert self._architecture.make_pairs is not None
            inputs = self._architecture.make_pairs(config, boards, moves)
            results = [self._run(some)[:, 0] for some in self._divide(inputs)]
        ends = np.cumsum([len(row) for row in moves])
        return np.split(np.concatenate(results)[: ends[-1]], ends[:-1])

    def _run(self, inputs: Inputs | SequenceInputs) -> np.ndarray:
        config = self.network.config
        with self._lock:
            return np.asarray(distributions(config, self.dtype, self._params, inputs))

    def _divide(self, inputs: AnyInputs) -> Iterator[AnyInputs]:
        """N rows -> batches, the largest first, the last one padded with zeros."""
        shapes = self._backend.sequences
        count, start = len(inputs[0]), 0
        while start < count:
            left = -(-(count - start) // shapes[-1]) * shapes[-1]
            size = next(shape for shape in shapes if shape <= left)
            batch = (array[start : start + size] for array in inputs)
            yield type(inputs)(*(_padded(array, size) for array in batch))
            start += size


def _after(board: chess.Board, moves: Sequence[chess.Move]) -> Iterator[chess.Board]:
    """The position after each of the moves."""
    for move in moves:
        after = board.copy(stack=False)
        after.push(move)
        yield after


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    """[N, ...] -> [size, ...], padded with zeros at the end."""
    return np.pad(array, ((0, size - len(array)), *((0, 0),) * (array.ndim - 1)))
