"""The interface to a network's move values, however they are computed."""

from collections.abc import Sequence
from typing import Protocol

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins


class ActionValues(Protocol):
    """A source of distributions over win probabilities, such as
    `model.inference.board_predictor.BoardPredictor`.

    If `gives_win_probs` is false, it predicts only how likely each move is played.
    """

    @property
    def bins(self) -> ValueBins:
        """The bins of the distributions."""
        ...

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """For each board [M, K] float32: distributions over the win probability of each move, for
        the side to move.

        Each distribution sums to 1. A board without moves gives an empty array. If win
        probabilities are not predicted, [M, 2]: the probabilities that the move is not, and is, the
        one played.
        """
        ...


def gives_win_probs(source: ActionValues) -> bool:
    """Whether the values are win probabilities (``source.gives_win_probs``, true by default);
    otherwise they are probabilities that each move is played."""
    return getattr(source, "gives_win_probs", True)


def estimates(values: np.ndarray, source: ActionValues) -> np.ndarray:
    """`action_values` [..., K] -> [...]: expected win probabilities, or the probability that each
    move is played."""
    return source.bins.win_prob(values) if gives_win_probs(source) else values[..., 1]
