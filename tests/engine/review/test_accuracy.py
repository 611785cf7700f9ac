"""Judgements and accuracy: Lichess's own examples, and what must hold for all numbers."""

import chess
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.encoding.values import win_probability
from engine.review.accuracy import (
    THRESHOLDS,
    game_accuracy,
    judgement_of,
    move_accuracy,
    volatility,
)

PROBABILITIES = st.floats(0, 1)

LICHESS_EXAMPLES = [  # scores after each move, White's and Black's accuracy with a tolerance
    ([15, 15], (100, 1), (100, 1)),
    ([-900, -900], (10, 5), (100, 1)),
    ([15, 900], (100, 1), (10, 5)),
    ([-900, 0], (10, 5), (10, 5)),
    ([15] * 20, (100, 1), (100, 1)),
    ([15] * 20 + [-900], (50, 5), (100, 1)),
    ([15] * 21 + [900], (100, 1), (50, 5)),
    ([-50, 15] * 5, (76, 8), (76, 8)),
    ([-50, 15] * 50, (76, 8), (76, 8)),
    ([-135, 15] * 50, (54, 8), (54, 8)),
    ([-435, 15] * 50, (20, 8), (20, 8)),
]


def accuracy_of(curve: np.ndarray, first: chess.Color) -> dict[chess.Color, float | None]:
    """Of a curve of White's win probabilities, by the falls from move to move."""
    falls = curve[:-1] - curve[1:]
    signs = np.where((np.arange(len(falls)) % 2 == 0) == first, 1, -1)
    return game_accuracy(curve.tolist(), [*map(move_accuracy, falls * signs)], first)


@pytest.mark.parametrize(("scores", "white", "black"), LICHESS_EXAMPLES)
def test_lichess_examples(scores, white, black):
    found = accuracy_of(win_probability([15, *scores]), chess.WHITE)
    assert found[chess.WHITE] == pytest.approx(white[0], abs=white[1])
    assert found[chess.BLACK] == pytest.approx(black[0], abs=black[1])


@given(st.lists(PROBABILITIES, min_size=2, max_size=60), st.booleans())
def test_the_same_game_with_colours_swapped_swaps_the_accuracies(curve, first):
    there = accuracy_of(np.array(curve), first)
    back = accuracy_of(1 - np.array(curve), not first)
    for color in chess.COLORS:
        mine, theirs = there[color], back[not color]
        assert (mine is None) == (theirs is None)
        assert mine is None or (mine == pytest.approx(theirs, abs=1e-6) and 0 <= mine <= 100)


@given(st.lists(PROBABILITIES, min_size=1, max_size=60))
def test_one_weight_a_move_within_the_bounds(curve):
    weights = volatility(curve)
    assert len(weights) == len(curve) - 1
    assert np.all((weights >= 0.5) & (weights <= 12))


@given(PROBABILITIES, PROBABILITIES)
def test_giving_away_more_is_never_more_exact(a, b):
    low, high = sorted((a, b))
    assert 0 <= move_accuracy(high) <= move_accuracy(low) <= 100


@pytest.mark.parametrize(("name", "least"), THRESHOLDS)
def test_thresholds_belong_to_the_worse_judgement(name, least):
    assert judgement_of(least) == name
    assert judgement_of(0.8 - (0.8 - least)) == name  # rounding does not excuse a move
    assert judgement_of(least - 1e-6) != name


def test_thresholds_are_half_of_those_on_the_scale_from_minus_one_to_one():
    assert [least for _, least in THRESHOLDS] == [0.15, 0.10, 0.05]
    assert judgement_of(0.0499) is None


def test_golden_values():
    assert move_accuracy(0.0) == 100
    assert move_accuracy(0.05) == pytest.approx(80.82, abs=0.02)
    assert move_accuracy(0.15) == pytest.approx(51.52, abs=0.02)
    assert move_accuracy(1.0) == 0


def test_a_side_without_moves_has_no_accuracy():
    assert game_accuracy([0.5, 0.5], [100.0], chess.BLACK) == {
        chess.BLACK: 100.0,
        chess.WHITE: None,
    }
    assert game_accuracy([0.5], [], chess.WHITE) == {chess.WHITE: None, chess.BLACK: None}
