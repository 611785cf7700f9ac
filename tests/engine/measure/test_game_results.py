"""Predictions against the results of games: what counts, from whose side, and how true they are."""

import chess
import pytest

from data_pipeline.common.errors import InputError
from engine.measure.game_results import measure_outcomes, read_outcomes
from tests.helpers.fakes import ValuesPredictor

WON = '[Result "1-0"]\n\n1. e4 e5 2. Qh5 Nc6 3. Bc4 Nf6 4. Qxf7# 1-0\n\n'
DRAWN = '[Result "1/2-1/2"]\n\n1. e4 e5 1/2-1/2\n\n'
UNUSED = (
    '[Result "*"]\n\n1. e4 *\n\n',
    '[Result "1-0"]\n[Termination "time forfeit"]\n\n1. e4 e5 1-0\n\n',
    '[Result "1-0"]\n\n1. e4 e4 1-0\n\n',  # an illegal move
)


def test_scores_are_of_the_side_to_move(pgn):
    outcomes = read_outcomes([pgn(WON, *UNUSED, DRAWN)])
    assert [board.turn for board in outcomes.boards] == [True, False] * 3 + [True] + [True, False]
    assert outcomes.scores.tolist() == [1, 0, 1, 0, 1, 0, 1, 0.5, 0.5]
    assert len(set(outcomes.games[:7])) == 1 and len(set(outcomes.games.tolist())) == 2
    assert outcomes.boards[1].fen() == "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"
    reasons = {"without a result": 1, "time forfeit": 1, "illegal move": 1}
    assert outcomes.left_out == reasons
    figures = measure_outcomes(outcomes, ValuesPredictor(lambda board, move: 0.5))
    assert (figures["games"], figures["left_out"]) == (2, reasons)
    assert len(read_outcomes([pgn(WON, DRAWN)], limit=3).boards) == 3


def test_without_a_game_to_use(pgn, tmp_path):
    with pytest.raises(InputError, match=r"found none to use .left out: 1 without a result, 1"):
        read_outcomes([pgn(*UNUSED)])
    with pytest.raises(InputError, match="PGN file"):
        read_outcomes([tmp_path / "absent.pgn"])


def test_true_and_false_predictions(pgn):
    outcomes = read_outcomes([pgn(WON * 40)])

    def knows(board: chess.Board, move: chess.Move) -> float:
        return 1.0 if board.turn == chess.WHITE else 0.0

    true = measure_outcomes(outcomes, ValuesPredictor(knows))
    assert (true["positions"], true["games"]) == (280, 40)
    half_a_bin = 1 / 32  # what the outermost of 16 bins cannot say
    assert true["calibration_error"] == pytest.approx(half_a_bin)
    assert true["squared_error"] == pytest.approx(half_a_bin**2)
    even = measure_outcomes(outcomes, ValuesPredictor(lambda board, move: 0.5))
    assert even["squared_error"] == pytest.approx(0.25)
    assert even["calibration_error"] == pytest.approx(4 / 7 - 0.5)  # White has four moves of seven
    (point,) = even["reliability"]
    assert point["count"] == 280 and point["score"] == pytest.approx(4 / 7)
    low, high = even["intervals_95"]["calibration_error"]
    assert low <= even["calibration_error"] <= high


def test_the_best_move_is_what_the_position_is_worth(pgn):
    outcomes = read_outcomes([pgn(DRAWN)])

    def one_good_move(board: chess.Board, move: chess.Move) -> float:
        return 0.5 if move == next(iter(board.legal_moves)) else 0.1

    assert measure_outcomes(outcomes, ValuesPredictor(one_good_move))["predicted"] == 0.5
