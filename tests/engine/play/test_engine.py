"""The engine composed: predictor, rules, tablebase and choice."""

import chess
import numpy as np
import pytest

from data_pipeline.encoding.actions import action_of
from engine.play import rules
from engine.play.engine import SearchlessEngine
from engine.play.move_choice import Choice
from tests.helpers.fakes import FakePredictor, ValuesPredictor

MATE_IN_ONE = "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"


def test_analysis_is_sorted_and_whole():
    board = chess.Board()
    analysis = SearchlessEngine(FakePredictor()).analyse(board)
    assert set(analysis.moves) == set(board.legal_moves)
    assert analysis.distributions.shape == (20, 16)
    assert np.all(np.diff(analysis.win_probs) <= 0)
    assert analysis.win_probs == pytest.approx(analysis.bins.win_prob(analysis.distributions))
    assert analysis.best == analysis.moves[0]


def test_a_mate_in_one_is_played_whatever_the_network_says():
    board = chess.Board(MATE_IN_ONE)
    dim = ValuesPredictor(lambda _, move: 0.01 if move.uci() == "a1a8" else 0.99)
    analysis = SearchlessEngine(dim).analyse(board)
    assert analysis.best.uci() == "a1a8"
    assert analysis.win_probs[0] == 1
    assert analysis.verdicts[0] == rules.CHECKMATE
    assert analysis.win_draw_loss[0] == pytest.approx([1, 0, 0])
    assert SearchlessEngine(dim, rules=False).play(board).uci() != "a1a8"


def test_two_mates_are_told_apart_by_the_network():
    board = chess.Board("6k1/5ppp/8/8/8/8/8/RR4K1 w - - 0 1")
    engine = SearchlessEngine(ValuesPredictor(lambda _, move: 0.9 if move.uci() == "b1b8" else 0.2))
    assert [m.uci() for m in engine.analyse(board).moves[:2]] == ["b1b8", "a1a8"]


@pytest.mark.parametrize(("estimate", "expected"), [(0.9, 0.5), (0.2, 0.2)])
def test_a_repetition_is_worth_at_most_a_draw(estimate, expected):
    board = chess.Board()
    for move in ["g1f3", "g8f6", "f3g1"]:
        board.push_uci(move)
    engine = SearchlessEngine(ValuesPredictor(lambda *_: estimate))
    analysis = engine.analyse(board, [chess.Move.from_uci("f6g8")])
    assert analysis.win_probs == pytest.approx([expected])


def test_many_positions_take_one_call_and_give_the_same():
    boards = [chess.Board(), chess.Board(MATE_IN_ONE)]
    predictor = FakePredictor()
    together = SearchlessEngine(predictor).analyse_many(boards)
    assert predictor.calls == 1
    for board, analysis in zip(boards, together, strict=True):
        assert SearchlessEngine(predictor).analyse(board).moves == analysis.moves


def test_the_order_of_the_moves_does_not_matter():
    board = chess.Board()
    engine = SearchlessEngine(FakePredictor())
    turned = engine.analyse(board, list(board.legal_moves)[::-1])
    assert turned.moves == engine.analyse(board).moves


def test_a_finished_game_has_no_analysis():
    with pytest.raises(ValueError, match="expected a position with a legal move"):
        SearchlessEngine(FakePredictor()).analyse(chess.Board("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"))


def test_a_seed_repeats_a_game():
    def game(seed: int) -> list[chess.Move]:
        engine = SearchlessEngine(FakePredictor(), choice=Choice(temperature=0.1), seed=seed)
        board = chess.Board()
        while len(board.move_stack) < 20:
            board.push(engine.play(board))
        return board.move_stack

    assert game(1) == game(1)
    assert game(1) != game(2)


def test_a_tablebase_speaks_where_the_rules_are_silent():
    class Table:
        def verdicts(self, board, moves):
            return [rules.Verdict("tablebase win", 0.99)] * len(moves)

    board = chess.Board(MATE_IN_ONE)
    analysis = SearchlessEngine(ValuesPredictor(lambda *_: 0.5), tablebase=Table()).analyse(board)
    assert analysis.verdicts[0] == rules.CHECKMATE
    assert analysis.win_probs[1:] == pytest.approx(0.99)


def test_the_reference_knows_no_mate_and_takes_the_first_of_equal_moves():
    board = chess.Board(MATE_IN_ONE)
    dim = ValuesPredictor(lambda _, move: 0.01 if move.uci() == "a1a8" else 0.99)
    assert SearchlessEngine(dim, rules="reference").analyse(board).moves[-1].uci() == "a1a8"
    level = SearchlessEngine(ValuesPredictor(lambda *_: 0.5), rules="reference")
    actions = [action_of(move) for move in level.analyse(chess.Board()).moves]
    assert actions == sorted(actions)


def test_a_temperature_for_the_first_moves_of_the_game():
    choice = Choice(temperature=1.0, temperature_moves=2)
    engine = SearchlessEngine(FakePredictor(), choice=choice)
    early, late = chess.Board(), chess.Board()
    late.fullmove_number = 3
    assert len({engine.play(early) for _ in range(30)}) > 3
    assert {engine.play(late) for _ in range(5)} == {engine.analyse(late).best}
