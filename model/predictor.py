"""Compiled forward passes of a network: positions in, distributions of their moves out.

Positions are padded to a power of two, and their moves to 64 or 256 (no position has more than
218), so that few shapes are ever compiled.
"""

import threading
from collections.abc import Sequence
from functools import partial

import chess
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches import Inputs, make_inputs
from model.config import ComputeDtype, NetworkConfig
from model.network import Network, Params
from model.transformer import transformed

MAX_POSITIONS = 64  # a pass; larger requests are divided
MOVE_SHAPES = (64, 256)


@partial(jax.jit, static_argnames=("config", "dtype"))
def distributions(
    config: NetworkConfig, dtype: ComputeDtype, params: Params, inputs: Inputs
) -> jax.Array:
    """[B, M, K] float32: the distribution of each move's win probability.

    Compiled once for each configuration and shape, whatever the parameters.
    """
    return jax.nn.softmax(transformed(config, jnp.dtype(dtype)).apply(params, inputs).moves)


class Predictor:
    """A network, ready to give values. Safe to use from several threads."""

    def __init__(self, network: Network, compute_dtype: ComputeDtype = "float32") -> None:
        self.network = network
        self.bins = network.bins
        self._dtype: ComputeDtype = compute_dtype
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
        for start in range(0, len(order), MAX_POSITIONS):
            rows = order[start : start + MAX_POSITIONS]
            result = self._one_pass([boards[i] for i in rows], [moves[i] for i in rows])
            for row, distributions in zip(rows, result, strict=True):
                values[row] = distributions[: len(moves[row])]
        return values

    def warm_up(self) -> None:
        """Compile what playing one game needs, so that the first move is as fast as the others."""
        board = chess.Board()
        moves = list(board.legal_moves)
        for shape in MOVE_SHAPES:
            self.action_values([board], [(moves * shape)[:shape]])

    def _one_pass(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> np.ndarray:
        """[N, M, K] for N <= MAX_POSITIONS boards, M padded."""
        positions = 1 << (len(boards) - 1).bit_length()
        most = max(map(len, moves))
        padded = next(shape for shape in MOVE_SHAPES if shape >= most)
        fill = positions - len(boards)
        inputs = make_inputs([*boards, *[boards[0]] * fill], [*moves, *[()] * fill], padded)
        with self._lock:
            result = distributions(self.network.config, self._dtype, self._params, inputs)
            return np.asarray(result)[: len(boards)]
