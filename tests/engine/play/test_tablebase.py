"""Syzygy probing at the root, with the real three-man tables."""

import chess
import pytest

from data_pipeline.common.errors import InputError
from engine.play.engine import SearchlessEngine
from engine.play.tablebase import Tablebase
from tests.helpers.fakes import FakePredictor
from tests.helpers.paths import FIXTURES

TABLES = FIXTURES / "syzygy"


@pytest.fixture
def tables():
    with Tablebase([TABLES]) as opened:
        yield opened


@pytest.mark.parametrize("fen", ["8/8/8/4k3/8/8/8/KR6 w - - 0 1", "8/8/8/4k3/8/8/8/KQ6 w - - 0 1"])
def test_a_network_that_knows_nothing_mates_with_the_tables(tables, fen):
    engine = SearchlessEngine(FakePredictor(), tablebase=tables)
    board = chess.Board(fen)
    while not board.is_game_over(claim_draw=True):
        board.push(engine.play(board))
    assert board.is_checkmate()
    assert board.ply() <= 34


def test_a_pawn_ending_is_won_or_held_by_its_only_move(tables):
    board = chess.Board("4k3/8/4K3/4P3/8/8/8/8 w - - 0 1")
    moves = list(board.legal_moves)
    found = tables.verdicts(board, moves)
    verdicts = {move.uci(): verdict for move, verdict in zip(moves, found, strict=True)}
    assert verdicts["e6d6"].reason == "tablebase win"
    assert verdicts["e6f5"].reason == "tablebase draw"


def test_the_losing_side_holds_out_longest(tables):
    board = chess.Board("8/8/8/4k3/8/8/1R6/K7 b - - 0 1")
    moves = list(board.legal_moves)
    for move, verdict in zip(moves, tables.verdicts(board, moves), strict=True):
        assert verdict.reason == "tablebase loss", move
        assert 0 < verdict.win_prob < 0.01


def test_the_50_move_rule_spoils_a_win(tables):
    board = chess.Board("8/8/8/4k3/8/8/8/KR6 w - - 95 80")
    verdicts = tables.verdicts(board, list(board.legal_moves))
    assert {v.reason for v in verdicts} == {"tablebase draw"}


def test_too_many_pieces_or_missing_tables_are_not_known(tables):
    for fen in (chess.STARTING_FEN, "8/8/8/4k3/8/8/8/KRR5 w - - 0 1"):
        board = chess.Board(fen)
        assert tables.verdicts(board, list(board.legal_moves)) is None


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a folder with Syzygy tables"):
        Tablebase([tmp_path])
    with pytest.raises(InputError, match="nowhere"):
        Tablebase([tmp_path / "nowhere"])
