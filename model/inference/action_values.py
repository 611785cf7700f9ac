"""What a network is to those who ask it for values, whatever computes them."""

from collections.abc import Sequence
from typing import Protocol

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins


class ActionValues(Protocol):
    """Gives distributions of win probabilities; `model.inference.predictor.Predictor` does.

    Where `gives_win_probs` says no, it knows only how likely each move is played.
    """

    @property
    def bins(self) -> ValueBins:
        """The bins of the distributions."""
        ...

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """Per board [M, K] float32: each move's win probability, from the side to move.

        Rows sum to 1. Boards without moves give an empty array. Without win probabilities [M, 2]:
        that the move is not the one played among these, and that it is.
        """
        ...


def gives_win_probs(source: ActionValues) -> bool:
    """Whether values are of win probabilities, as ``source.gives_win_probs`` says, if it is there;
    else of how likely each move is played."""
    return getattr(source, "gives_win_probs", True)


def estimates(values: np.ndarray, source: ActionValues) -> np.ndarray:
    """`action_values` [..., K] -> [...]: expected win probabilities, or how likely each move is
    played."""
    return source.bins.win_prob(values) if gives_win_probs(source) else values[..., 1]
