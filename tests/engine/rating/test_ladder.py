"""The ladder: it finds planted ratings, among and below the levels of known rating."""

import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from engine.rating.ladder import Ladder, Level, climb
from engine.rating.likelihood import outcome_probabilities
from engine.rating.options import LadderConfig
from engine.rating.results import Result

LEVELS = [Level("weaker", None, 1000), Level("weak", None, 1200)]
LEVELS += [Level(f"elo={elo}", elo, elo) for elo in range(1350, 2851, 150)]
TRUTH = {level.name: level.guess for level in LEVELS} | {"weaker": 900.0, "weak": 1150.0}


def simulated(rng, truth: dict[str, float]):
    """Rounds between players of planted strength, who draw one game in five."""

    def play_round(a: str, b: str, games: int) -> list[Result]:
        results = []
        for i in range(games):
            white, black = (a, b) if i % 2 == 0 else (b, a)
            chances = np.array(outcome_probabilities(truth[white] - truth[black] + 20, 0.2))
            score = rng.choice([1.0, 0.5, 0.0], p=chances / chances.sum())
            results.append(Result(white, black, float(score)))
        return results

    return play_round


def test_a_planted_200_elo_above_the_start_is_covered_in_at_least_27_of_30():
    rng = np.random.default_rng(0)
    covered, games = 0, []
    for _ in range(30):
        config = LadderConfig(start_elo=1500, games_a_round=40, half_width=70)
        ladder = Ladder("me", LEVELS, config)
        ratings = climb(ladder, simulated(rng, TRUTH | {"me": 1700.0}))
        low, high = ratings.players["me"].interval_95
        assert (high - low) / 2 <= 70
        covered += low <= 1700.0 <= high
        games.append(len(ladder.results))
    assert covered >= 27
    assert np.mean(games) < 160


def test_far_below_the_known_levels_others_are_tied_to_them():
    rng = np.random.default_rng(1)
    config = LadderConfig(start_elo=1400, games_a_round=40, half_width=90)
    ladder = Ladder("me", LEVELS, config)
    ratings = climb(ladder, simulated(rng, TRUTH | {"me": 400.0}))
    low, high = ratings.players["me"].interval_95
    assert low <= 400.0 <= high
    assert {"weak", "weaker"} & set(ratings.players)


def test_the_first_round_is_against_the_known_level_nearest_the_start():
    ladder = Ladder("me", LEVELS, LadderConfig(start_elo=1930))
    assert ladder.next_pairing() == ("me", "elo=1950")


def test_it_ends_with_games_enough_even_if_all_are_won():
    ladder = Ladder("me", LEVELS, LadderConfig(start_elo=2850, most_games=60))
    ratings = climb(ladder, simulated(np.random.default_rng(2), TRUTH | {"me": 9000.0}))
    assert ratings.players["me"].bounded and len(ladder.results) == 60


def test_the_last_round_has_no_more_games_than_are_left():
    ladder = Ladder("me", LEVELS, LadderConfig(start_elo=1500, most_games=12))
    climb(ladder, simulated(np.random.default_rng(3), TRUTH | {"me": 1500.0}))
    assert len(ladder.results) == 12
    few = Ladder("me", LEVELS, LadderConfig(start_elo=1500, most_games=2))
    assert few.round_games == 2


def test_levels_without_any_known_rating_are_refused():
    with pytest.raises(InputError, match="known rating"):
        Ladder("me", LEVELS[:2], LadderConfig(start_elo=1500))
