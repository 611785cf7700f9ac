"""Sequential probability ratio test (SPRT) on opening pairs: a match stops once it is decided.

Wald's test of "the difference is elo0" against "it is elo1", with the normal approximation of the
generalised likelihood ratio (Van den Bergh), on the scores of whole pairs (pentanomial), since the
two games of an opening are not independent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_pipeline.common.errors import InputError


@dataclass(frozen=True)
class Sprt:
    """Hypotheses in Elo. ``alpha`` and ``beta``: error probabilities of the first and second
    kind."""

    elo0: float
    elo1: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if not self.elo0 < self.elo1:
            raise InputError(f"expected elo0 below elo1, found {self.elo0:g} and {self.elo1:g}")
        if not (0 < self.alpha < 0.5 and 0 < self.beta < 0.5):
            raise InputError(f"expected alpha, beta in (0, 0.5), found {self.alpha}, {self.beta}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The log-likelihood ratios below and above which elo0 and elo1 are accepted."""
        return math.log(self.beta / (1 - self.alpha)), math.log((1 - self.beta) / self.alpha)

    def decision(self, pair_scores: Sequence[float]) -> str | None:
        """``elo0`` or ``elo1`` if one is accepted, otherwise None."""
        low, high = self.bounds
        ratio = log_likelihood_ratio(pair_scores, self.elo0, self.elo1)
        return "elo1" if ratio >= high else "elo0" if ratio <= low else None


def log_likelihood_ratio(pair_scores: Sequence[float], elo0: float, elo1: float) -> float:
    """Scores of opening pairs (0 to 2, for the tested player) -> log(P(elo1) / P(elo0)).

    A thousandth of a pair is added to each of the five outcomes, so that the variance is never
    zero; 0 if nothing was played.
    """
    if not len(pair_scores):
        return 0.0
    outcomes = np.arange(5) / 4  # mean score per game of the pair
    counts = np.bincount(np.rint(np.asarray(pair_scores) * 2).astype(int), minlength=5) + 1e-3
    pairs = counts.sum()
    mean = counts @ outcomes / pairs
    variance = counts @ np.square(outcomes - mean) / pairs
    score0, score1 = (1 / (1 + 10 ** (-elo / 400)) for elo in (elo0, elo1))
    return float(pairs * (score1 - score0) * (2 * mean - score0 - score1) / (2 * variance))
