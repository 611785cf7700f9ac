"""Ratings: a worked example of Ordo, planted differences, one-sided and disconnected results."""

import math

import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from engine.rating.elo import Result, bootstrap, fit
from engine.rating.likelihood import Likelihood, outcome_probabilities

# Ordo's published rating of five versions of one engine, with its head-to-head table
# (wins, draws, losses of the first): the README of github.com/bsamseth/Goldfish.
ORDO_RATINGS = {"v1.4": 2132.1, "v1.3": 2110.6, "v1.2": 2082.6, "v1.1": 2055.7, "v1.0": 2000.0}
ORDO_RESULTS = {
    ("v1.4", "v1.3"): (11, 30, 9),
    ("v1.4", "v1.2"): (15, 28, 7),
    ("v1.3", "v1.2"): (16, 55, 9),
    ("v1.3", "v1.1"): (13, 30, 7),
    ("v1.2", "v1.1"): (8, 18, 4),
    ("v1.1", "v1.0"): (7, 23, 2),
}


def head_to_head(first: str, second: str, wins: int, draws: int, losses: int) -> list[Result]:
    """Games with colours in turn."""
    scores = [1.0] * wins + [0.5] * draws + [0.0] * losses
    return [
        Result(first, second, s) if i % 2 else Result(second, first, 1 - s)
        for i, s in enumerate(scores)
    ]


def simulate(rng, elos: dict[str, float], pairs: int, advantage=30.0, draw_rate=0.3):
    """Every two players play ``pairs`` openings twice, colours swapped."""
    results = []
    for white in elos:
        for black in elos:
            if white != black:
                difference = elos[white] - elos[black] + advantage
                chances = np.array(outcome_probabilities(difference, draw_rate))
                scores = rng.choice([1.0, 0.5, 0.0], size=pairs, p=chances / chances.sum())
                results += [Result(white, black, s, str(i)) for i, s in enumerate(scores)]
    return results


def test_the_same_order_and_differences_as_ordo():
    results = [r for pair, counts in ORDO_RESULTS.items() for r in head_to_head(*pair, *counts)]
    ratings = fit(results, {"v1.0": 2000.0})
    assert list(ratings.players) == list(ORDO_RATINGS)
    for name, elo in ORDO_RATINGS.items():
        assert ratings.players[name].elo == pytest.approx(elo, abs=5.0)
    assert ratings.players["v1.3"].games == 180 and ratings.players["v1.3"].score == 95.5


def test_two_players_get_the_logistic_of_their_score():
    ratings = fit(head_to_head("a", "b", 60, 20, 20), {"b": 0.0})
    assert ratings.players["a"].elo == pytest.approx(400 * math.log10(0.7 / 0.3), abs=0.5)


def test_outcomes_sum_to_one_and_score_as_elo_says():
    differences = np.linspace(-800, 800, 33)
    for draw_rate in (0.01, 0.3, 0.5, 0.95):
        win, draw, loss = outcome_probabilities(differences, draw_rate)
        assert (win > 0).all() and (draw > 0).all() and (loss > 0).all()
        np.testing.assert_allclose(win + draw + loss, 1.0)
        np.testing.assert_allclose(win + draw / 2, 1 / (1 + 10 ** (-differences / 400)))
        np.testing.assert_allclose(draw**2 / (win * loss), draw[16] ** 2 / (win * loss)[16])
        assert draw[16] == pytest.approx(draw_rate)


def test_gradient_of_the_likelihood():
    from scipy.optimize import approx_fprime

    from engine.rating.elo import tabulate

    rng = np.random.default_rng(0)
    problem = Likelihood(tabulate(simulate(rng, {"a": 0, "b": 100, "c": -50}, 20)), {})
    for _ in range(5):
        point = rng.normal(0, [80, 80, 80, 40, 1])
        numeric = np.array(approx_fprime(point, lambda p: problem.loss(p)[0], 1e-6))
        np.testing.assert_allclose(problem.loss(point)[1], numeric, atol=1e-3)


@pytest.mark.parametrize("anchored", [True, False])
def test_planted_200_elo_is_covered_in_at_least_93_of_100_simulations(anchored):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        ratings = fit(simulate(rng, {"a": 0.0, "b": 200.0}, 40), {"a": 0.0} if anchored else None)
        low, high = ratings.players["b"].interval_95
        covered += low <= (200.0 if anchored else 100.0) <= high
    assert covered >= 93


def test_advantage_and_draw_rate_come_out():
    rng = np.random.default_rng(2)
    elos = {"a": 0.0, "b": 150.0, "c": -150.0}
    ratings = fit(simulate(rng, elos, 1500, advantage=40.0, draw_rate=0.4))
    assert ratings.advantage_elo == pytest.approx(40.0, abs=12)
    assert ratings.draw_rate == pytest.approx(0.4, abs=0.03)
    low, high = ratings.advantage_interval_95
    assert low < 40 < high
    assert ratings.players["b"].elo == pytest.approx(150.0, abs=15)


def test_bootstrap_agrees_with_the_likelihood_on_independent_games():
    rng = np.random.default_rng(3)
    results = simulate(rng, {"a": 0.0, "b": 100.0}, 150)
    low, high = fit(results, {"a": 0.0}).players["b"].interval_95
    boot_low, boot_high = bootstrap(results, {"a": 0.0}, samples=200)["b"]
    assert boot_low == pytest.approx(low, abs=15) and boot_high == pytest.approx(high, abs=15)


def test_bootstrap_keeps_an_openings_games_together():
    """Openings that White always wins tell nothing: such pairs leave no doubt about equality."""
    results = [Result(*pair, 1.0, str(i)) for i in range(100) for pair in (("a", "b"), ("b", "a"))]
    low, high = bootstrap(results, {"a": 0.0}, samples=50)["b"]
    assert abs(low) < 1 and abs(high) < 1


def test_all_wins_give_a_bounded_estimate_that_says_so():
    ratings = fit(head_to_head("a", "b", 30, 0, 0) + head_to_head("b", "c", 15, 4, 11))
    assert ratings.players["a"].bounded and not ratings.players["b"].bounded
    assert 300 < ratings.players["a"].elo - ratings.players["b"].elo < 1000
    assert all(math.isfinite(edge) for edge in ratings.players["a"].interval_95)
    assert "virtual game" in ratings.notes[0]


def test_players_that_never_met_are_named():
    with pytest.raises(InputError, match=r"never met: \{a, b\}; \{c, d\}"):
        fit([Result("a", "b", 1.0), Result("c", "d", 0.5)])


def test_wrong_input():
    with pytest.raises(InputError, match="found none"):
        fit([])
    with pytest.raises(InputError, match="'x'"):
        fit([Result("a", "b", 1.0)], {"x": 0.0})
    with pytest.raises(InputError, match="both sides"):
        fit([Result("a", "a", 1.0)])


def test_colours_never_swapped_leave_the_advantage_at_zero():
    results = [Result("a", "b", 1.0), Result("a", "b", 0.0), Result("a", "b", 1.0)]
    ratings = fit(results)
    assert ratings.advantage_elo == 0.0 and "colours" in ratings.notes[-1]
