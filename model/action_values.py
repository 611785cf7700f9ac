"""What a network is to those who ask it for values, whatever computes them."""

from collections.abc import Sequence
from typing import Protocol

import chess
import numpy as np

from data_pipeline.values import ValueBins


class ActionValues(Protocol):
    """Gives distributions of win probabilities; `model.predictor.Predictor` does."""

    @property
    def bins(self) -> ValueBins:
        """The bins of the distributions."""
        ...

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        """Per board [M, K] float32: each move's win probability, from the side to move."""
        ...
