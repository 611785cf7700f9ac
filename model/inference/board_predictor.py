"""Move values from a network of the architecture `board`, computed on the CPU without JAX."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import chess
import numpy as np

from data_pipeline.batches.board_batches import make_inputs
from data_pipeline.encoding.values import ValueBins
from model.config import BoardConfig, ComputeDtype, NetworkConfig
from model.inference.board_pass import BoardPass
from model.network.network_file import Network

PASS_SIZE = 4
"""Most positions in a pass: with many more, its arrays do not fit in a core's cache."""

_side_by_side = threading.Lock()
"""Held while passes run side by side, which changes a setting of the whole process."""


class BoardPredictor:
    """Move values from a network for which `computes` is true (`ActionValues`).

    Safe to use from several threads. Raises NetworkFileError as `BoardPass` does.
    """

    gives_win_probs = True
    dtype: ComputeDtype = "float32"

    def __init__(self, network: Network) -> None:
        self.network = network
        self.network_pass = BoardPass(network)

    @staticmethod
    def computes(config: NetworkConfig) -> bool:
        """Whether it can compute a network."""
        return isinstance(config, BoardConfig) and config.target == "action-value"

    @property
    def bins(self) -> ValueBins:
        """The bins of the distributions."""
        return self.network.bins

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """See `model.inference.action_values`; ``moves[i]`` are legal moves of ``boards[i]``."""
        found = [np.zeros((0, self.bins.count), np.float32)] * len(boards)
        # Sorted by the number of moves, so that positions of one pass need little padding.
        counts = np.array([len(of_board) for of_board in moves], int)
        order = [i for i in np.argsort(counts, kind="stable") if counts[i]]
        cores = os.cpu_count() or 1
        rounds = -(-len(order) // (cores * PASS_SIZE))

        def compute(some: Sequence[int]) -> None:
            inputs = make_inputs(
                [boards[i] for i in some],
                [moves[i] for i in some],
                counts[some].max(),
                after=self.network.config.afterstates,
            )
            for i, values in zip(some, self.network_pass(inputs), strict=True):
                found[i] = values[: counts[i]]

        if len(order) == 1:
            compute(order)
        elif order:
            # As many passes for each core, of nearly the same size.
            groups = np.array_split(order, min(len(order), cores * rounds))
            # One core for each pass is faster than all cores for each product of one pass.
            with (
                _side_by_side,
                _blas().limit(limits=1),
                ThreadPoolExecutor(min(cores, len(groups))) as pool,
            ):
                list(pool.map(compute, groups))
        return found


def limit_threads(count: int) -> None:
    """Let the matrix products of a pass use this many threads, in the whole process."""
    _blas().limit(limits=count)


@cache
def _blas():
    """Sets the number of threads of NumPy's matrix products."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
