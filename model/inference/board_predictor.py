"""Move values from a network of the architecture `board`, computed on the CPU without JAX."""

from collections.abc import Sequence

import chess
import numpy as np

from data_pipeline.batches.board_batches import make_inputs
from data_pipeline.encoding.values import ValueBins
from model.config import BoardConfig, ComputeDtype, NetworkConfig
from model.inference.board_pass import BoardPass
from model.network.network_file import Network

PASS_SIZE = 8
"""Most positions in a pass: with more, its arrays do not fit in a core's cache."""


class BoardPredictor:
    """Move values from a network for which `computes` is true (`ActionValues`).

    Safe to use from several threads. Raises NetworkFileError as `BoardPass` does.
    """

    gives_win_probs = True
    dtype: ComputeDtype = "float32"

    def __init__(self, network: Network) -> None:
        self.network = network
        self._pass = BoardPass(network)

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
        counts = [len(of_board) for of_board in moves]
        order = [i for i in np.argsort(counts, kind="stable") if counts[i]]
        for start in range(0, len(order), PASS_SIZE):
            some = order[start : start + PASS_SIZE]
            inputs = make_inputs(
                [boards[i] for i in some],
                [moves[i] for i in some],
                max(counts[i] for i in some),
                after=self.network.config.afterstates,
            )
            for i, values in zip(some, self._pass(inputs), strict=True):
                found[i] = values[: counts[i]]
        return found
