"""Quantiles, contempt, temperature, and the split of a distribution into win, draw and loss."""

import chess
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_pipeline.encoding.values import MATE_BONUS, ValueBins
from engine.play import rules
from engine.play.analysis import split_win_prob, win_draw_loss
from engine.play.engine import SearchlessEngine
from engine.play.move_choice import Choice, quantile
from tests.helpers.fakes import ValuesPredictor

BINS = ValueBins(10)
weights = arrays(np.float64, 10, elements=st.floats(0.001, 1))
distributions = weights.map(lambda w: (w / w.sum())[None])


def one_hot(index: int) -> np.ndarray:
    return np.eye(10)[[index]]


@given(distributions)
def test_win_draw_loss_keeps_the_expected_value(distribution):
    wins, draws, losses = win_draw_loss(distribution, BINS)[0]
    assert wins + draws + losses == pytest.approx(1)
    assert min(wins, draws, losses) >= 0
    assert wins + draws / 2 == pytest.approx(BINS.win_prob(distribution)[0])


def test_spread_tells_an_open_fight_from_a_sure_draw():
    assert split_win_prob(np.array([0.5, 1.0, 0.0, 0.75])) == pytest.approx(
        np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]])
    )
    fight = win_draw_loss((one_hot(0) + one_hot(9)) / 2, BINS)[0]
    assert fight == pytest.approx([0.45, 0.1, 0.45])


@given(distributions, st.floats(0.05, 0.95))
def test_quantile_inverts_the_cumulative_distribution(distribution, level):
    found = quantile(distribution, level, BINS)[0]
    cumulative = np.interp(found, BINS.edges, np.concatenate([[0], np.cumsum(distribution[0])]))
    assert cumulative == pytest.approx(level)


def test_quantile_golden():
    assert quantile(one_hot(3), 0.5, BINS) == pytest.approx([0.35])
    assert quantile(np.full((1, 10), 0.1), 0.25, BINS) == pytest.approx([0.25])


def preferred(choice: Choice, rows: list[np.ndarray], verdicts=None) -> int:
    table = np.concatenate(rows)
    verdicts = verdicts or [None] * len(rows)
    means = BINS.win_prob(table)
    return int(np.argmax(choice.utilities(table, means, verdicts, BINS)))


def test_risk_prefers_the_sure_or_the_daring_move():
    sure, daring = one_hot(5), (one_hot(0) + one_hot(9)) / 2
    assert preferred(Choice(risk=0.2), [sure, daring]) == 0
    assert preferred(Choice(risk=0.8), [sure, daring]) == 1
    assert preferred(Choice(), [sure, daring]) == 0  # the means: 0.55 and 0.5


def test_contempt_turns_away_from_draws_and_back():
    drawish, fight = (one_hot(4) + one_hot(5)) / 2, (one_hot(0) + one_hot(8)) / 2
    assert preferred(Choice(), [drawish, fight]) == 0
    assert preferred(Choice(draw_contempt=0.2), [drawish, fight]) == 1
    assert preferred(Choice(draw_contempt=-0.2), [drawish, fight]) == 0


def test_exact_results_have_no_quantiles():
    table, means = one_hot(9), np.array([1.0])
    assert Choice(risk=0.1).utilities(table, means, [rules.CHECKMATE], BINS) == pytest.approx([1.0])
    draw = Choice(draw_contempt=0.1, risk=0.9)
    worth = draw.utilities(one_hot(4), np.array([0.5]), [rules.STALEMATE], BINS)
    assert worth == pytest.approx([0.4])


def test_temperature_follows_the_softmax_and_the_seed():
    utilities = np.array([0.6, 0.55, 0.1])
    choice = Choice(temperature=0.05)
    rng = np.random.default_rng(1)
    counts = np.bincount([choice.pick(utilities, rng, 1) for _ in range(4000)], minlength=3) / 4000
    expected = np.exp(utilities / 0.05) / np.exp(utilities / 0.05).sum()
    assert counts == pytest.approx(expected, abs=0.03)
    seeded = [np.random.default_rng(7) for _ in range(2)]
    picks = [[choice.pick(utilities, rng, 1) for _ in range(3)] for rng in seeded]
    assert picks[0] == picks[1]
    assert Choice().pick(utilities, rng, 1) == 0


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"risk": 0}, {"draw_contempt": 0.6}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Choice(**wrong)


def test_a_temperature_for_the_first_moves_only():
    utilities, rng = np.array([0.6, 0.6, 0.6]), np.random.default_rng(1)
    choice = Choice(temperature=1.0, temperature_moves=5)
    assert {choice.pick(utilities, rng, 5) for _ in range(50)} == {0, 1, 2}
    assert {choice.pick(utilities, rng, 6) for _ in range(50)} == {0}
    with pytest.raises(ValueError, match="temperature_moves"):
        Choice(temperature_moves=-1)


def test_a_faster_mate_is_preferred_and_both_are_sure_wins():
    bins = ValueBins(20, mate_range=0.2)
    moves = np.eye(20)[[18, 17, 10]]  # two mates, the first one faster, and no mate
    win_probs = bins.win_prob(moves)
    assert win_probs[0] == win_probs[1] == 1 > win_probs[2]
    worths = Choice().utilities(moves, win_probs, [None] * 3, bins)
    assert worths[0] > worths[1] > worths[2]
    known = Choice().utilities(moves, np.array([1, 1, 0.5]), [rules.CHECKMATE] * 2 + [None], bins)
    assert known[0] == known[1] == 1 + MATE_BONUS
    assert win_draw_loss(moves[:2], bins) == pytest.approx(np.array([[1, 0, 0]] * 2))


PROMOTES = chess.Board("2r4k/1P6/8/8/8/8/P7/K7 w - - 0 1")


def promotes(rules=True, **win_probs: float) -> SearchlessEngine:
    """An engine of which the moves named (``b8r``) have these values, all others 0.1."""

    def win_prob(board, move):
        return win_probs.get(move.uci()[2:], 0.1)

    return SearchlessEngine(ValuesPredictor(win_prob), rules=rules)


@pytest.mark.parametrize(
    ("win_probs", "best"),
    [
        ({"b8q": 0.80, "b8r": 0.815}, "b8q"),
        ({"b8q": 0.80, "b8r": 0.81, "b8n": 0.815}, "b8q"),
        ({"b8q": 0.80, "b8r": 0.89}, "b8q"),
        ({"b8q": 0.80, "b8b": 0.89, "b8n": 0.84}, "b8q"),
        ({"b8q": 0.80, "b8r": 0.91}, "b8r"),
        ({"b8q": 0.80, "b8r": 0.81, "b8n": 0.86}, "b8n"),
        ({"b8q": 0.80, "b8r": 0.79}, "b8q"),
        ({"b8q": 0.10, "c8r": 0.30, "c8q": 0.29, "b8r": 0.4}, "b8r"),  # each square by itself
        ({"b8q": 0.40, "b8r": 0.41, "b1": 0.405}, "b8q"),  # with the rook's value
    ],
)
def test_a_needless_underpromotion_gives_way_to_the_queen(win_probs, best):
    analysis = promotes(**win_probs).analyse(PROMOTES)
    assert analysis.best.uci()[2:] == best
    assert list(analysis.utilities) == sorted(analysis.utilities, reverse=True)
    bare = promotes(rules=False, **win_probs).analyse(PROMOTES)
    assert bare.best.uci()[2:] == max(win_probs, key=lambda name: win_probs[name])
    assert sorted(bare.utilities) == pytest.approx(sorted(analysis.utilities))


def test_an_underpromotion_that_the_rules_decide_is_played():
    stalemates = chess.Board("8/5P1k/5K2/8/8/8/8/8 w - - 0 1")  # f8=Q is stalemate
    engine = SearchlessEngine(ValuesPredictor(lambda _, move: 0.51))
    assert engine.analyse(stalemates).best.uci() != "f7f8q"
    mates = chess.Board("k7/2P5/1K6/8/8/8/8/8 w - - 0 1")  # with a queen or a rook
    for win_prob in (0.9, 0.2):
        liked = SearchlessEngine(
            ValuesPredictor(lambda _, move, p=win_prob: p if move.promotion == chess.ROOK else 0.5)
        )
        assert liked.analyse(mates).best.uci() == "c7c8q"
