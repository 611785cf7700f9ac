"""What a network is to those who ask it for values, whatever computes them."""

from collections.abc import Sequence
from typing import Protocol

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins


class ActionValues(Protocol):
    """Gives distributions of win probabilities; `model.inference.predictor.Predictor` does.

    Or else it is a policy (`is_policy`): it knows which move is played, and no win probabilities.
    """

    @property
    def bins(self) -> ValueBins:
        """The bins of the distributions."""
        ...

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """Per board [M, K] float32: each move's win probability, from the side to move.

        Rows sum to 1. Boards without moves give an empty array. Of a policy [M, 2]: that the move
        is not the one played among these, and that it is.
        """
        ...


def is_policy(source: ActionValues) -> bool:
    """Whether ``source.policy`` says that its values are how likely each move is played."""
    return getattr(source, "policy", False)


def estimates(values: np.ndarray, source: ActionValues) -> np.ndarray:
    """`action_values` [..., K] -> [...]: expected win probabilities, or of a policy how likely each
    move is played."""
    return values[..., 1] if is_policy(source) else source.bins.win_prob(values)
