"""Scores <-> win probabilities, mate distances, bins."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.encoding.values import (
    MATE,
    MATE_BONUS,
    MATE_HORIZON,
    MAX_CENTIPAWNS,
    MAX_MATE_MOVES,
    ValueBins,
    centipawns,
    mate_bonus,
    mate_in_moves,
    mate_score,
    win_probability,
)
from tests.helpers.paths import REFERENCE

GOLDEN = json.loads(REFERENCE.joinpath("values.json").read_text())


def test_equal_to_the_reference():
    np.testing.assert_allclose(
        win_probability(GOLDEN["centipawns"]), GOLDEN["win_probability"], atol=1e-16
    )
    bins = ValueBins(128)
    assert bins.bin_of(GOLDEN["win_probs"]).tolist() == GOLDEN["buckets_128"]
    assert bins.edges[1:5].tolist() == GOLDEN["first_edges_128"]
    assert bins.centres[:4].tolist() == GOLDEN["first_values_128"]


@given(st.floats(-4000, 4000))
def test_centipawns_inverts_win_probability(score_cp):
    assert centipawns(win_probability(score_cp)) == pytest.approx(score_cp, abs=1e-5)


def test_centipawns_at_the_ends():
    assert centipawns([0.0, 1.0]).tolist() == [-MAX_CENTIPAWNS, MAX_CENTIPAWNS]


def test_win_probability_is_symmetric_and_rises():
    scores = np.arange(-3000, 3001)
    win_probs = win_probability(scores)
    np.testing.assert_allclose(win_probs + win_probs[::-1], 1.0, rtol=1e-15)
    assert (np.diff(win_probs) > 0).all()


@given(st.integers(-MAX_MATE_MOVES, MAX_MATE_MOVES).filter(bool))
def test_mate_scores_keep_their_distance(moves):
    score = mate_score(moves)
    assert mate_in_moves(score) == moves
    assert abs(score) > MAX_CENTIPAWNS
    assert win_probability(score) == pytest.approx(float(moves > 0), abs=1e-40)


def test_mate_scores_order():
    mates = [mate_score(moves) for moves in (-1, -2, -255, 255, 2, 1)]
    assert mates == sorted(mates)
    assert mate_score(1000) == mate_score(MAX_MATE_MOVES) == MATE - MAX_MATE_MOVES
    assert mate_in_moves(MAX_CENTIPAWNS) is None
    with pytest.raises(ValueError, match="found 0"):
        mate_score(0)


@given(st.integers(2, 200), st.floats(0, 1))
def test_a_value_lies_in_its_bin(count, win_prob):
    bins = ValueBins(count)
    k = int(bins.bin_of(win_prob))
    assert bins.edges[k] < win_prob <= bins.edges[k + 1] or (k == 0 and win_prob == 0)
    assert abs(bins.centres[k] - win_prob) <= bins.width / 2 + 1e-12


def test_bins_refuse_nonsense():
    with pytest.raises(ValueError, match="at least 2"):
        ValueBins(1)
    for wrong in (-0.01, 1.01, float("nan")):
        with pytest.raises(ValueError, match="in \\[0, 1\\]"):
            ValueBins(8).bin_of([0.5, wrong])


def test_expectation():
    bins = ValueBins(4)
    assert bins.win_prob([[1, 0, 0, 0], [0, 0.5, 0.5, 0]]).tolist() == [0.125, 0.5]


@given(st.floats(0, 1), st.floats(0, 0.4))
def test_bin_values_mean_win_probabilities(win_prob, mate_range):
    bins = ValueBins(mate_range=mate_range)
    assert bins.win_prob_of(bins.bin_value_of(win_prob)) == pytest.approx(win_prob)
    assert bins.bin_value_of([0.0, 0.5, 1.0]) == pytest.approx([0, 0.5, 1])


@given(st.integers(1, MAX_MATE_MOVES), st.integers(-MAX_CENTIPAWNS, MAX_CENTIPAWNS))
def test_a_faster_mate_has_a_higher_bin_value(moves, score_cp):
    bins = ValueBins(mate_range=0.1)
    mate, later = bins.bin_values_of_scores([mate_score(moves), mate_score(moves + 1)])
    assert mate > later if moves <= MATE_HORIZON else mate == pytest.approx(0.9)
    assert later >= 0.9 - 1e-9 and mate <= 1
    assert bins.bin_values_of_scores(score_cp) <= 0.9 + 1e-9
    assert bins.win_prob_of(mate) == 1
    assert bins.bin_values_of_scores(-mate_score(moves)) == pytest.approx(1 - mate)
    assert bins.win_prob_of(bins.bin_values_of_scores(score_cp)) == pytest.approx(
        win_probability(score_cp)
    )


@given(st.integers(-MATE + 1, MATE - 1))
def test_without_a_mate_range_bin_values_are_win_probabilities(score):
    assert ValueBins().bin_values_of_scores(score) == win_probability(score)


def test_bin_values_golden():
    scores = [mate_score(1), mate_score(21), mate_score(41), 0, mate_score(-1)]
    assert ValueBins(mate_range=0.2).bin_values_of_scores(scores) == pytest.approx(
        [1, 0.9, 0.8, 0.5, 0]
    )
    with pytest.raises(ValueError, match="mate range"):
        ValueBins(mate_range=0.5)


@given(st.integers(-MATE + 1, MATE - 1), st.integers(-MATE + 1, MATE - 1))
def test_nearness_and_win_probability_together_keep_the_order(one, other):
    bins = ValueBins(128, mate_range=0.25)
    bin_values = bins.bin_values_of_scores([one, other])
    together = bins.win_prob_of(bin_values) + bins.nearness_of(bin_values)
    assert (together[0] > together[1]) == (bin_values[0] > bin_values[1])
    assert bins.nearness_of(1 - bin_values) == pytest.approx(-bins.nearness_of(bin_values))
    assert ValueBins().nearness_of(ValueBins().bin_values_of_scores([one, other])).tolist() == [
        0,
        0,
    ]


def test_mates_count_once_a_position_is_decided():
    nearness = np.array([0.9, 0.5, 0.0])
    for win_probs in ([0.9, 0.8, 0.7], [0.99, 0.5, 0.2], [0.02, 0.01, 0.0]):
        assert mate_bonus(np.array(win_probs), nearness).tolist() == [0, 0, 0]
    for win_probs in ([1.0, 1.0, 0.3], [0.0, 0.0, 0.0]):
        assert mate_bonus(np.array(win_probs), nearness) == pytest.approx(MATE_BONUS * nearness)
    both = mate_bonus(np.array([[1.0, 1.0, 0.3], [0.9, 0.8, 0.7]]), np.array([nearness, nearness]))
    assert both[0].tolist() == (MATE_BONUS * nearness).tolist() and not both[1].any()


@given(st.floats(0, 1), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_bin_values_in_other_bins(value, mate_range, other_range):
    bins, other = ValueBins(mate_range=mate_range), ValueBins(mate_range=other_range)
    value = np.float64(value)
    there = bins.bin_value_in(value, other)
    assert other.win_prob_of(there) == pytest.approx(bins.win_prob_of(value), abs=1e-9)
    assert other.nearness_of(there) == pytest.approx(bins.nearness_of(value), abs=1e-9)
    assert other.bin_value_in(there, bins) == pytest.approx(value)
    assert bins.bin_value_in(value, ValueBins()) == pytest.approx(bins.win_prob_of(value))


@given(st.integers(0, 2**32 - 1))
def test_distributions_over_win_probabilities_keep_mass_and_mean(seed):
    bins = ValueBins(128, mate_range=0.25)
    masses = np.random.default_rng(seed).dirichlet(np.full(128, 0.1), size=(2, 3))
    folded = bins.over_win_probs(masses)
    assert folded.shape == (2, 3, 64)
    np.testing.assert_allclose(folded[..., 1:-1], masses[..., 33:95], atol=1e-12)
    np.testing.assert_allclose(folded[..., -1], masses[..., 95:].sum(-1), atol=1e-12)
    plain = ValueBins(64)
    means = plain.win_prob(folded)
    np.testing.assert_allclose(means, bins.win_prob(masses), atol=plain.width / 2)
    assert plain.over_win_probs(folded) is folded
