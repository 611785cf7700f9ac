"""Positions in which it matters what is played come more often, by the gap between their values."""

import chess
import numpy as np
import pytest

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.loader import training_batches
from data_pipeline.batches.oversampling import MOST, repeats, value_gaps
from data_pipeline.dataset.records import encode, make_record
from data_pipeline.encoding.actions import action_of
from data_pipeline.encoding.values import mate_score, win_probability
from tests.helpers.random_chess import random_boards, random_record


def record(scores: list[int]) -> bytes:
    moves = list(chess.Board().legal_moves)[: len(scores)]
    actions = np.array([action_of(move) for move in moves], np.uint16)
    return encode(make_record(chess.Board(), actions, np.array(scores)))


def test_the_gap_is_from_the_best_to_the_median_move():
    chances = win_probability([-50, 0, 100, 300])
    encoded = [record(s) for s in ([100, 0, -50], [300, 100, 0, -50], [7], [], [0] * 9)]
    expected = [chances[2] - chances[1], chances[3] - chances[2], 0, 0, 0]
    np.testing.assert_allclose(value_gaps(encoded), expected, atol=1e-6)
    assert value_gaps([]).shape == (0,)


def test_mates_differ_where_their_distance_counts():
    encoded = [record([mate_score(1), mate_score(9), mate_score(12)]), record([80, 20, 10])]
    assert value_gaps(encoded)[0] == 0
    np.testing.assert_allclose(value_gaps(encoded, 0.25)[0], 8 / 40 * 0.25 / 0.5, rtol=1e-5)
    np.testing.assert_allclose(value_gaps(encoded, 0.25)[1], value_gaps(encoded)[1], rtol=1e-5)


def test_gaps_are_those_of_the_decoded_records():
    rng = np.random.default_rng(0)
    records = [random_record(board, rng) for board in random_boards(seed=5, games=4)]
    found = value_gaps([encode(row) for row in records])
    for row, gap in zip(records, found, strict=True):
        values = row.win_probs
        expected = values[0] - values[(len(values) - 1) // 2] if len(values) else 0
        assert gap == pytest.approx(expected, abs=1e-6)


def test_how_often_a_position_comes_is_in_proportion_to_its_gap():
    gaps = np.repeat([0.0, 0.02, 0.05, 0.1, 0.9], 4000)
    found = repeats(gaps, 0.1, seed=1).reshape(5, -1)
    np.testing.assert_allclose(found.mean(axis=1), [1, 1, 2.5, MOST, MOST], atol=0.05)
    assert (found[[0, 3, 4]] == [[1], [MOST], [MOST]]).all()
    np.testing.assert_array_equal(repeats(gaps, 0.1, 1).reshape(5, -1), found)
    assert (repeats(gaps, 0.1, 2).reshape(5, -1) != found).any()


def test_a_pass_holds_every_position_and_those_with_a_gap_more_often():
    quiet, sharp = record([5, 5, 5]), record([900, 0, -20])
    batches = training_batches([quiet, sharp] * 4, 24, 0, BatchOptions(8, oversampling=0.1))
    for _ in range(3):
        best = next(batches).targets[:, 0]
        assert (best > 0.9).sum() == 4 * MOST and (best < 0.6).sum() == 4
    plain = next(training_batches([quiet, sharp] * 4, 8, 0, BatchOptions(8)))
    assert (plain.targets[:, 0] > 0.9).sum() == 4
