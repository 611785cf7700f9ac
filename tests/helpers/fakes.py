"""Stand-ins for the network: value distributions without JAX, fast and always the same."""

import zlib
from collections.abc import Callable, Sequence

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins, two_hot


class FakePredictor:
    """Distributions drawn from a hash of position and move: arbitrary, but always the same."""

    def __init__(self, bins: ValueBins | None = None) -> None:
        self.bins = bins or ValueBins(16)
        self.calls = 0

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """As `model.inference.action_values` says: [M, K] float32 per board, rows summing to 1."""
        self.calls += 1
        return [
            np.stack([self.distribution(board.fen(), move.uci()) for move in of_board])
            for board, of_board in zip(boards, moves, strict=True)
        ]

    def distribution(self, fen: str, move: str) -> np.ndarray:
        """[K] float32."""
        rng = np.random.default_rng(zlib.crc32(f"{fen} {move}".encode()))
        return rng.dirichlet(np.full(self.bins.count, 0.3)).astype(np.float32)


class ValuesPredictor(FakePredictor):
    """Win probabilities from a function of board and move; the distribution is two-hot."""

    def __init__(self, win_prob: Callable[[chess.Board, chess.Move], float]) -> None:
        super().__init__()
        self.win_prob = win_prob

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """As `FakePredictor.action_values`."""
        return [
            two_hot([self.win_prob(board, m) for m in of_board], self.bins).astype(np.float32)
            for board, of_board in zip(boards, moves, strict=True)
        ]
