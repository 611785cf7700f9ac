"""Agreement, regret, tau-b and scores of distributions: against scipy, by hand, by property."""

import numpy as np
import pytest
from scipy import stats

from model.evaluation import metrics


def test_ties_among_the_best_all_agree():
    teacher = np.array([0.5, 0.7, 0.7, 0.1])
    assert metrics.agreement(teacher, [0.0, 0.1, 0.9, 0.2])
    assert metrics.agreement(teacher, [0.0, 0.9, 0.1, 0.2])
    assert not metrics.agreement(teacher, [0.9, 0.1, 0.1, 0.2])
    assert metrics.regret(teacher, [0.9, 0.1, 0.1, 0.2]) == pytest.approx(0.2)


def test_padding_changes_nothing():
    rng = np.random.default_rng(0)
    teacher, predicted = rng.random((2, 5, 12)).round(1)
    lengths = np.array([1, 2, 5, 9, 12])
    legal = np.arange(12) < lengths[:, None]
    for measure in (metrics.agreement, metrics.regret, metrics.kendall_tau_b):
        padded = measure(teacher, predicted, legal)
        singly = [
            measure(t[:n], p[:n]) for t, p, n in zip(teacher, predicted, lengths, strict=True)
        ]
        np.testing.assert_allclose(padded, singly, equal_nan=True)


def test_tau_b_equals_scipy_with_and_without_ties():
    rng = np.random.default_rng(1)
    for decimals in (1, 6):
        first, second = rng.random((2, 30)).round(decimals)
        expected = stats.kendalltau(first, second)[0]
        assert metrics.kendall_tau_b(first, second) == pytest.approx(expected)


def test_tau_b_of_nothing_to_rank_is_nan():
    assert np.isnan(metrics.kendall_tau_b([0.5], [0.5]))
    assert np.isnan(metrics.kendall_tau_b([0.5, 0.5], [0.1, 0.9]))


def test_the_references_tau_is_near_zero_where_the_true_tau_is_high():
    rng = np.random.default_rng(2)
    true_taus, reference_taus = [], []
    for _ in range(300):
        teacher = rng.random(30)
        predicted = teacher + rng.normal(0, 0.135, 30)
        true_taus.append(metrics.kendall_tau_b(predicted, teacher))
        reference_taus.append(metrics.reference_kendall_tau(predicted, teacher))
        by_scipy = stats.kendalltau(np.argsort(predicted), np.argsort(teacher))[0]
        assert reference_taus[-1] == pytest.approx(by_scipy)
    assert np.mean(true_taus) == pytest.approx(0.7, abs=0.03)
    assert np.mean(reference_taus) == pytest.approx(0.06, abs=0.05)
    assert metrics.reference_kendall_tau([0.3], [0.4]) == 1.0


def test_crps_of_a_sharp_distribution_is_the_absolute_error():
    edges = np.linspace(0, 1, 1001)
    sharp = np.zeros(1000)
    sharp[250] = 1.0
    assert metrics.crps(sharp, edges, 0.75) == pytest.approx(0.4995, abs=1e-3)


def test_crps_of_a_uniform_distribution_in_closed_form():
    edges = np.linspace(0, 1, 9)
    uniform = np.full(8, 1 / 8)
    for outcome in (0.0, 0.3, 1.0):
        expected = outcome**3 / 3 + (1 - outcome) ** 3 / 3
        assert metrics.crps(uniform, edges, outcome) == pytest.approx(expected)


def test_crps_is_proper():
    """No other forecast scores better on average than the distribution that outcomes come from."""
    rng = np.random.default_rng(3)
    edges = np.linspace(0, 1, 17)
    truth = rng.dirichlet(np.ones(16))
    outcomes = rng.choice(16, 20_000, p=truth) / 16 + rng.random(20_000) / 16
    honest = metrics.crps(np.tile(truth, (20_000, 1)), edges, outcomes).mean()
    for _ in range(5):
        other = np.tile(rng.dirichlet(np.ones(16)), (20_000, 1))
        assert metrics.crps(other, edges, outcomes).mean() > honest


def test_log_loss_takes_the_teachers_bin():
    distributions = np.array([[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(
        metrics.log_loss(distributions, [1, 1]), [-np.log(0.75), -np.log(1e-12)]
    )
