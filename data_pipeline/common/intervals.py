"""Confidence intervals: every figure that is reported has one."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np

NORMAL_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution
DEVIANCE_95 = 3.841458820694124  # 95 % quantile of chi-squared with one degree of freedom


def wilson_interval(successes: float, total: int, z: float = NORMAL_95) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927); (0, 1) for a total of 0."""
    if total == 0:
        return 0.0, 1.0
    proportion = successes / total
    spread = z * math.sqrt(proportion * (1 - proportion) / total + z * z / (4 * total * total))
    centre = proportion + z * z / (2 * total)
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def mean_interval(values, z: float = NORMAL_95) -> tuple[float, float, float]:
    """[N] -> (mean, low, high): the normal interval of a mean; NaNs are ignored.

    Values have to be independent: one per position or opening, not per move. Moves of one position
    are correlated, so the interval would be too narrow.
    """
    values = np.asarray(values, np.float64)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if values.size == 1:
        return mean, -math.inf, math.inf
    spread = z * float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, mean - spread, mean + spread


def t_interval(values) -> tuple[float, float, float]:
    """[N] -> (mean, low, high): Student's 95 % interval of a mean, for a few seeds.

    The interval of a single value is infinite.
    """
    from scipy.special import stdtrit

    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if values.size == 1:
        return mean, -math.inf, math.inf
    quantile = float(stdtrit(values.size - 1, 0.975))
    spread = quantile * float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, mean - spread, mean + spread


def paired_intervals(values: np.ndarray) -> np.ndarray:
    """[V, S] -> [V, 3]: each row's mean difference from the first row, paired by column (a seed),
    with its 95 % interval; NaN if values are missing.

    The variance is pooled over rows, since a few seeds are too few to estimate that of one row: it
    is the residual variance of a two-way analysis of variance over complete rows. Intervals are
    infinite with fewer than two complete rows or seeds.
    """
    from scipy.special import stdtrit

    differences = values - values[0]
    counts = np.isfinite(differences).sum(axis=1)
    means = np.nansum(differences, axis=1) / np.where(counts, counts, np.nan)
    whole = values[np.isfinite(values).all(axis=1)]
    rows, columns = whole.shape
    freedom = (rows - 1) * (columns - 1)
    reach = np.full(len(values), np.inf)
    if freedom > 0:
        residuals = whole - whole.mean(axis=1, keepdims=True) - whole.mean(axis=0) + whole.mean()
        variance = np.square(residuals).sum() / freedom
        reach = stdtrit(freedom, 0.975) * np.sqrt(2 * variance / np.where(counts, counts, np.nan))
    reach[0] = 0.0
    return np.stack((means, means - reach, means + reach), axis=1)


def jackknife_interval(
    statistic, blocks: np.ndarray, z: float = NORMAL_95
) -> tuple[float, float, float]:
    """[G, ...] -> (value, low, high) of ``statistic(sum of the blocks)``: delete-one jackknife.

    For figures that are not a mean, such as a calibration error.
    """
    total = blocks.sum(axis=0)
    value = float(statistic(total))
    without_one = np.array([statistic(total - block) for block in blocks])
    count = len(blocks)
    variance = (count - 1) / count * np.square(without_one - without_one.mean()).sum()
    spread = z * math.sqrt(variance)
    return value, value - spread, value + spread


def profile_interval(
    loss: Callable[[float], float], best: float, step: float
) -> tuple[float, float]:
    """The interval in which twice the negative profile log-likelihood rises by less than 3.84.

    ``loss``: the negative profile log-likelihood, with its minimum at ``best``; ``step``: a first
    guess of the width. A side on which it never rises that far ends 2,000 steps away.
    """
    top = loss(best)

    @cache
    def short(value: float) -> float:
        """How far the root of the deviance, which is nearly linear on each side, is below its
        bound."""
        return DEVIANCE_95**0.5 - max(0.0, 2 * (loss(value) - top)) ** 0.5

    return _crossing(short, best, -step), _crossing(short, best, step)


def _crossing(short: Callable[[float], float], start: float, step: float) -> float:
    """Where ``short``, above zero at ``start``, reaches zero in the direction of ``step``."""
    from scipy.optimize import brentq

    inner, limit, whole = start, 2000 * step, short(start)
    while (left := short(start + step)) > 0:
        inner = start + step
        if step == limit:
            return inner
        grown = step * max(2.0, 1.1 * whole / max(whole - left, 1e-9))
        step = grown if abs(grown) < abs(limit) else limit
    return brentq(short, inner, start + step, xtol=0.05)  # pyright: ignore[reportReturnType]
