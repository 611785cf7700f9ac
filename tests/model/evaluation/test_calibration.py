"""A model that is calibrated by construction must look so, another must not; intervals cover."""

import numpy as np
import pytest

from data_pipeline.common.intervals import jackknife_interval, mean_interval, wilson_interval
from model.evaluation.calibration import Calibration


def synthetic(sharpen: float, bins: int = 32, positions: int = 3000, moves: int = 8):
    """Outcomes drawn from known distributions; the model reports them raised to ``sharpen``."""
    rng = np.random.default_rng(4)
    centre = rng.random((positions * moves, 1)) * bins
    truth = np.exp(-0.5 * ((np.arange(bins) - centre) / 3.0) ** 2)
    truth /= truth.sum(axis=-1, keepdims=True)
    outcome = (truth.cumsum(axis=-1) < rng.random((len(truth), 1))).sum(axis=-1)
    outcome = np.minimum(outcome, bins - 1)
    reported = truth**sharpen
    reported /= reported.sum(axis=-1, keepdims=True)
    centres = (np.arange(bins) + 0.5) / bins
    calibration = Calibration.empty()
    numbers = np.repeat(np.arange(positions), moves)
    calibration.add(reported @ centres, reported, centres[outcome], outcome, numbers)
    return calibration


def test_a_perfectly_calibrated_model_is_flat():
    calibration = synthetic(sharpen=1.0)
    np.testing.assert_allclose(calibration.pit_histogram(), 1 / 20, atol=0.004)
    value, low, high = calibration.error()
    assert value < 0.005 and low <= value <= high
    curve = calibration.curve()
    assert sum(point["count"] for point in curve) == 24_000
    covered = [point["low"] <= point["predicted"] <= point["high"] for point in curve]
    assert np.mean(covered) >= 0.8


def test_overconfidence_is_a_cup_and_doubt_a_hump():
    overconfident = synthetic(sharpen=4.0).pit_histogram()
    doubtful = synthetic(sharpen=0.25).pit_histogram()
    assert overconfident[0] > 0.08 and overconfident[-1] > 0.08 and overconfident[10] < 0.04
    assert doubtful[0] < 0.03 and doubtful[-1] < 0.03 and doubtful[10] > 0.06


def test_calibration_error_is_the_planted_bias():
    rng = np.random.default_rng(5)
    predicted = rng.uniform(0.2, 0.8, 20_000)
    distributions = np.full((20_000, 4), 0.25)
    calibration = Calibration.empty()
    calibration.add(
        predicted, distributions, predicted - 0.1, np.zeros(20_000, int), np.arange(20_000)
    )
    assert calibration.error()[0] == pytest.approx(0.1)


def test_nothing_is_known_from_one_block():
    calibration = Calibration.empty(bins=2)
    calibration.add([0.1, 0.2, 0.9], None, [0.0, 1.0, 1.0], None, [3, 3, 3])
    calibration.add([0.8], None, [0.0], None, [4])
    lower, upper = calibration.curve()
    assert (lower["teacher"], lower["low"], lower["high"]) == (0.5, 0.0, 1.0)
    assert upper["low"] <= upper["teacher"] == 0.5 <= upper["high"]


def test_wilson_interval_golden():
    """50 of 100 and 0 of 10: the values of any statistics package."""
    assert wilson_interval(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_intervals_cover_in_95_of_100():
    rng = np.random.default_rng(6)
    samples = rng.exponential(1.0, (400, 200))
    means = [mean_interval(row) for row in samples]
    jackknifed = [jackknife_interval(lambda total: total / 200, row) for row in samples]
    for intervals in (means, jackknifed):
        assert 0.91 <= np.mean([low <= 1.0 <= high for _, low, high in intervals]) <= 0.985


def test_mean_interval_leaves_nan_out():
    mean, low, high = mean_interval([1.0, np.nan, 3.0])
    assert mean == 2.0 and low < 2.0 < high
    assert np.isnan(mean_interval([np.nan])[0])
