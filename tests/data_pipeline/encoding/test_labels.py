"""One-hot and two-hot: they are distributions, and their means are where their docstrings say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.encoding.values import ValueBins, one_hot, two_hot


@pytest.mark.parametrize("target", [one_hot, two_hot])
@given(count=st.integers(2, 150), win_prob=st.floats(0, 1))
def test_distributions(target, count, win_prob):
    distribution = target([[win_prob]], ValueBins(count))
    assert distribution.shape == (1, 1, count)
    assert distribution.min() >= 0
    assert distribution.sum() == pytest.approx(1)


@given(st.integers(2, 150), st.floats(0, 1))
def test_mean_of_one_hot_is_within_half_a_bin(count, win_prob):
    bins = ValueBins(count)
    assert abs(bins.win_prob(one_hot(win_prob, bins)) - win_prob) <= bins.width / 2 + 1e-12


@given(st.integers(2, 150), st.floats(0, 1))
def test_mean_of_two_hot_is_exact_between_the_outer_centres(count, win_prob):
    bins = ValueBins(count)
    nearest = np.clip(win_prob, bins.centres[0], bins.centres[-1])
    assert bins.win_prob(two_hot(win_prob, bins)) == pytest.approx(nearest, abs=1e-12)
    assert np.count_nonzero(two_hot(win_prob, bins)) <= 2


def test_golden():
    bins = ValueBins(4)
    assert one_hot(0.3, bins).tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(two_hot(0.3, bins), [0.3, 0.7, 0, 0])
