"""Target distributions: they are distributions, and their means are where `targets` says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.encoding.targets import hl_gauss, one_hot, two_hot
from data_pipeline.encoding.values import ValueBins

SIGMA = 0.75


@pytest.mark.parametrize("target", [one_hot, two_hot, hl_gauss])
@given(count=st.integers(2, 150), win_prob=st.floats(0, 1))
def test_distributions(target, count, win_prob):
    distribution = target([[win_prob]], ValueBins(count))
    assert distribution.shape == (1, 1, count)
    assert distribution.min() >= 0
    assert distribution.sum() == pytest.approx(1)


@given(st.integers(2, 150), st.floats(0, 1))
def test_mean_of_one_hot_is_within_half_a_bin(count, win_prob):
    bins = ValueBins(count)
    assert abs(bins.expectation(one_hot(win_prob, bins)) - win_prob) <= bins.width / 2 + 1e-12


@given(st.integers(2, 150), st.floats(0, 1))
def test_mean_of_two_hot_is_exact_between_the_outer_centres(count, win_prob):
    bins = ValueBins(count)
    nearest = np.clip(win_prob, bins.centres[0], bins.centres[-1])
    assert bins.expectation(two_hot(win_prob, bins)) == pytest.approx(nearest, abs=1e-12)
    assert np.count_nonzero(two_hot(win_prob, bins)) <= 2


@given(st.integers(8, 150), st.floats(0, 1))
def test_mean_of_hl_gauss_is_within_a_hundredth_of_a_bin_away_from_the_ends(count, win_prob):
    bins = ValueBins(count)
    margin = 3 * SIGMA * bins.width
    win_prob = margin + win_prob * (1 - 2 * margin)
    error = bins.expectation(hl_gauss(win_prob, bins)) - win_prob
    assert abs(error) < 0.01 * bins.width


@pytest.mark.parametrize("count", [16, 64, 128])
def test_bias_of_hl_gauss_at_the_ends(count):
    bins = ValueBins(count)
    win_probs = np.linspace(0, 1, 4001)
    errors = (bins.expectation(hl_gauss(win_probs, bins)) - win_probs) / bins.width
    assert errors[0] == pytest.approx(0.69, abs=0.005)
    assert errors[-1] == pytest.approx(-0.69, abs=0.005)
    assert np.abs(errors).max() == pytest.approx(0.69, abs=0.005)
    half = len(errors) // 2
    np.testing.assert_allclose(errors, -errors[::-1], atol=1e-9)
    assert (np.minimum.accumulate(errors[:half]) > errors[:half] - 0.02).all()  # it fades


def test_golden():
    bins = ValueBins(4)
    assert one_hot(0.3, bins).tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(two_hot(0.3, bins), [0.3, 0.7, 0, 0])
    # Normal masses of N(0.5, 0.1875) in quarters of [0, 1].
    np.testing.assert_allclose(hl_gauss(0.5, bins), [0.08806, 0.41194, 0.41194, 0.08806], atol=1e-5)


def test_hl_gauss_narrows_to_one_hot():
    bins = ValueBins(32)
    np.testing.assert_allclose(hl_gauss(0.4, bins, 1e-3), one_hot(0.4, bins), atol=1e-12)
