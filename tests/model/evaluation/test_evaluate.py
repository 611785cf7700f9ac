"""Quality of values: an oracle is perfect, ignorance unrewarded, parts count where they can."""

import json

import numpy as np
import pytest

from data_pipeline.dataset import records
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.values import ValueBins, two_hot
from model.evaluation.evaluate import (
    FIGURES,
    Predictions,
    measure,
    measure_predictions,
    summary,
)
from tests.helpers.random_chess import scored_records


class Teacher:
    """A predictor that knows the scores of some records, or says the same of every move."""

    def __init__(self, encoded=()) -> None:
        self.bins = ValueBins(64)
        self.known = {}
        for record in map(records.decode, encoded):
            moves = [CHESS_MOVES[a] for a in record.actions.tolist()]
            self.known[record.board.epd()] = dict(zip(moves, record.win_probs, strict=True))

    def action_values(self, boards, moves):
        return [
            two_hot(
                np.array([self.known.get(board.epd(), {}).get(move, 0.5) for move in choices]),
                self.bins,
            ).astype(np.float32)
            for board, choices in zip(boards, moves, strict=True)
        ]


@pytest.fixture(scope="module")
def encoded():
    return scored_records(600)


def test_an_oracle_is_perfect(encoded):
    figures = summary(*measure(encoded, Teacher(encoded)))
    assert figures["positions"] == figures["complete_positions"] == 600
    assert figures["agreement"] == 1.0 and figures["regret"] == 0.0
    assert figures["kendall_tau_b"] == pytest.approx(1.0, abs=1e-3)
    assert figures["squared_error"] == pytest.approx(0.0, abs=1e-9)
    assert figures["calibration_error"] == pytest.approx(0.0, abs=1e-4)
    assert sum(figures["pit_histogram"]) == pytest.approx(1.0)
    assert sum(part["positions"] for part in figures["by_phase"].values()) == 600
    assert sum(part["positions"] for part in figures["by_pieces"].values()) == 600
    json.dumps(figures, allow_nan=False)


def test_saying_the_same_of_every_move_is_not_rewarded(encoded):
    """Records hold the best move first; a tie must not find it by its place."""
    figures = summary(*measure(encoded, Teacher()))
    assert figures["agreement"] < 0.12
    assert figures["kendall_tau_b"] is None
    low, high = figures["intervals_95"]["agreement"]
    assert low < figures["agreement"] < high


def test_partial_annotations_count_for_what_they_allow(encoded):
    partial = scored_records(50, complete=False, seed=1)
    figures = summary(*measure(partial, Teacher(partial)))
    assert figures["complete_positions"] == 0 and figures["agreement"] is None
    assert figures["squared_error"] == pytest.approx(0.0, abs=1e-9)
    json.dumps(figures, allow_nan=False)
    both = [*encoded[:100], *partial]
    assert summary(*measure(both, Teacher(both)))["complete_positions"] == 100


def test_points_without_distributions_have_no_log_loss(encoded):
    teacher = Teacher(encoded)

    def predict(boards, moves):
        values = np.concatenate(teacher.action_values(boards, moves))
        return Predictions(teacher.bins.win_prob(values).astype(np.float32), None, teacher.bins)

    points = summary(*measure_predictions(encoded, predict))
    whole = summary(*measure(encoded, teacher))
    assert points["log_loss"] is points["crps"] is None
    for name in ("agreement", "regret", "kendall_tau_b", "squared_error", "calibration_error"):
        assert points[name] == whole[name]
    json.dumps(points, allow_nan=False)


def test_a_position_has_the_same_figures_among_any_others(encoded):
    longest = max(encoded, key=records.num_scored_moves)
    rows, _ = measure(encoded[:9], Teacher())
    others, _ = measure([longest, *encoded[:9]], Teacher())
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(others, name)[1:], getattr(rows, name))


def test_rows_name_their_positions(encoded):
    rows, _ = measure(encoded, Teacher(encoded))
    np.testing.assert_array_equal(rows.position, np.arange(600))
    np.testing.assert_array_equal(rows.moves, [records.num_scored_moves(e) for e in encoded])
