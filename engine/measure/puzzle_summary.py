"""Summary of puzzle attempts: solve rates with intervals by rating and theme, puzzle rating."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data_pipeline.common.intervals import profile_interval, wilson_interval
from engine.measure.puzzles import Attempt

BAND = 200


@dataclass(frozen=True)
class SolveCurve:
    """P(solved) = 1 / (1 + exp((puzzle_rating - rating) / scale)).

    ``rating``: the puzzle rating at which half are solved, with its 95 % profile-likelihood
    interval. ``scale``: in rating points; the larger, the slower the solve rate falls. Elo's curve
    has 174.
    """

    rating: float
    interval_95: tuple[float, float]
    scale: float

    def rate(self, puzzle_rating) -> np.ndarray:
        """[...] puzzle ratings -> [...] expected solve rates."""
        return 1 / (1 + np.exp((np.asarray(puzzle_rating, float) - self.rating) / self.scale))


def summary(attempts: Sequence[Attempt]) -> dict:
    """All figures as a JSON object: overall, by 200-point band, by theme, and the fitted curve."""
    curve = fit_curve([a.puzzle.rating for a in attempts], [a.solved for a in attempts])
    themes = sorted({theme for a in attempts for theme in a.puzzle.themes})
    return {
        **_rate(attempts),
        "bands": [{"from": low, "to": low + BAND, **_rate(part)} for low, part in _bands(attempts)],
        "themes": {
            theme: _rate([a for a in attempts if theme in a.puzzle.themes]) for theme in themes
        },
        "first_move_rate": sum(a.found > 0 for a in attempts) / len(attempts),
        "puzzle_rating": curve
        and {"rating": curve.rating, "interval_95": curve.interval_95, "scale": curve.scale},
    }


def _rate(attempts: Sequence[Attempt]) -> dict:
    solved = sum(a.solved for a in attempts)
    return {
        "total": len(attempts),
        "solved": solved,
        "solve_rate": solved / len(attempts),
        "interval_95": list(wilson_interval(solved, len(attempts))),
    }


def _bands(attempts: Iterable[Attempt]) -> list[tuple[int, list[Attempt]]]:
    bands: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        bands.setdefault(attempt.puzzle.rating // BAND * BAND, []).append(attempt)
    return sorted(bands.items())


def fit_curve(ratings: Sequence[float], solved: Sequence[bool]) -> SolveCurve | None:
    """Logistic regression of solving on the puzzle's rating, by maximum likelihood.

    None if no falling curve fits: all or none solved, harder puzzles solved more often, or all
    solved puzzles easier than all others, so that rating and scale are not determined.
    """
    from scipy.optimize import minimize_scalar

    x, y = np.asarray(ratings, float), np.asarray(solved, float)
    if y.min() == y.max() or x[y == 1].max() < x[y == 0].min():
        return None

    def loss(rating: float, log_scale: float) -> float:
        logits = (rating - x) / math.exp(log_scale)
        return float(np.logaddexp(0, -logits) @ y + np.logaddexp(0, logits) @ (1 - y))

    def profile(rating: float) -> tuple[float, float]:
        found = minimize_scalar(
            lambda s: loss(rating, s), bounds=(1.0, 9.0), method="bounded", options={"xatol": 1e-4}
        )
        return float(found.fun), float(found.x)  # pyright: ignore[reportAttributeAccessIssue]

    low, high = x.min() - 2000, x.max() + 2000
    best = minimize_scalar(lambda r: profile(r)[0], bounds=(low, high), method="bounded")
    rating = float(best.x)  # pyright: ignore[reportAttributeAccessIssue]
    log_scale = profile(rating)[1]
    if log_scale > 8.9 or not low + 1 < rating < high - 1:
        return None

    interval = profile_interval(lambda r: profile(r)[0], rating, step=16.0)
    return SolveCurve(rating, interval, math.exp(log_scale))
