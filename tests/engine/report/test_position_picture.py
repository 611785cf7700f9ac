"""Pictures of positions: well-formed, complete, and from the right side."""

import xml.etree.ElementTree as ET

import chess
import pytest

from engine.play.engine import SearchlessEngine
from engine.report.position_picture import COLOURS, picture
from tests.helpers.fakes import FakePredictor

MATE_IN_ONE = "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"
ONE_LEGAL_MOVE = "k7/8/1K6/8/8/8/8/1R6 b - - 0 1"
PROMOTIONS = "8/P6k/8/8/8/8/8/K7 w - - 0 1"


def drawn(board: chess.Board) -> tuple[ET.Element, str]:
    """The picture's root element, and all of its text outside the board in one line."""
    root = ET.fromstring(picture(SearchlessEngine(FakePredictor()).analyse(board)))
    return root, " ".join(e.text or "" for e in root.findall("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("fen", [chess.STARTING_FEN, MATE_IN_ONE, ONE_LEGAL_MOVE, PROMOTIONS])
def test_every_move_shown_has_a_name_a_value_and_a_histogram(fen: str):
    board = chess.Board(fen)
    analysis = SearchlessEngine(FakePredictor()).analyse(board)
    root, text = drawn(board)
    shown = analysis.moves[: len(COLOURS)]
    for move, win_prob in zip(shown, analysis.win_probs, strict=False):
        assert board.san(move) in text
        assert f"{100 * win_prob:.1f} %" in text
    assert len(root.findall("{http://www.w3.org/2000/svg}path")) == len(shown)


def test_numbers_are_the_side_to_moves():
    board = chess.Board()
    assert "White to move" in drawn(board)[1]
    board.push_san("e4")
    assert "Black to move" in drawn(board)[1]


def test_a_mate_says_so():
    assert "checkmate" in drawn(chess.Board(MATE_IN_ONE))[1]


def test_the_same_analysis_gives_the_same_picture():
    analysis = SearchlessEngine(FakePredictor()).analyse(chess.Board())
    assert picture(analysis) == picture(analysis)
