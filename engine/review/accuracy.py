"""Judgements and accuracy by the formulas that Lichess publishes.

Everything is computed from win probabilities in [0, 1]. Lichess's "winning chances" range from -1
to 1, so its thresholds of 0.1, 0.2 and 0.3 are half as large here. Sources: lila's ``Advice.scala``
and ``AccuracyPercent.scala``, and Lichess's page on accuracy.
"""

import math
from collections.abc import Sequence
from typing import Literal

import chess
import numpy as np

Judgement = Literal["inaccuracy", "mistake", "blunder"]

THRESHOLDS: tuple[tuple[Judgement, float], ...] = (
    ("blunder", 0.15),
    ("mistake", 0.10),
    ("inaccuracy", 0.05),
)
"""The smallest loss of win probability for each judgement."""
ROUNDING = 1e-9


def judgement_of(given_away: float) -> Judgement | None:
    """The judgement of a move that loses this much win probability; None for a good move."""
    return next((name for name, least in THRESHOLDS if given_away >= least - ROUNDING), None)


def move_accuracy(given_away: float) -> float:
    """Win probability lost by a move -> its accuracy, 0 to 100."""
    if given_away <= 0:
        return 100.0
    raw = 103.1668100711649 * math.exp(-0.04354415386753951 * 100 * given_away) - 3.166924740191411
    return min(100.0, max(0.0, raw + 1.0))  # Lichess adds 1, since no analysis is perfect


def game_accuracy(
    curve: Sequence[float], accuracies: Sequence[float], first: chess.Color
) -> dict[chess.Color, float | None]:
    """The accuracy of each side over a game, 0 to 100; None for a side without moves.

    ``curve`` [N + 1]: win probabilities of one side, before the first move and after each move.
    ``accuracies`` [N]: those of the moves, of which ``first`` made the first. The result is the
    average of two means: one weighted by the volatility of the curve, and the harmonic mean, in
    which bad moves count most.
    """
    weights = volatility(curve)
    values = np.asarray(accuracies, np.float64)
    found: dict[chess.Color, float | None] = {}
    for color, start in ((first, 0), (not first, 1)):
        mine, weight = values[start::2], weights[start::2]
        if not len(mine):
            found[color] = None
            continue
        harmonic = len(mine) / np.sum(1 / np.maximum(mine, 1.0))
        found[color] = float((np.average(mine, weights=weight) + harmonic) / 2)
    return found


def volatility(curve: Sequence[float]) -> np.ndarray:
    """[N + 1] win probabilities -> [N] float64: the weight of each move.

    This is the standard deviation, in percent and clipped to 0.5 to 12, over a window of two to
    eight positions that ends with the move; the first moves share the first window.
    """
    percents = 100 * np.asarray(curve, np.float64)
    moves = len(percents) - 1
    if moves < 1:
        return np.zeros(0)
    size = min(max(moves // 10, 2), 8)
    windows = np.lib.stride_tricks.sliding_window_view(percents, size)
    deviations = np.clip(windows.std(axis=1), 0.5, 12.0)
    return np.concatenate([np.repeat(deviations[:1], size - 2), deviations])
