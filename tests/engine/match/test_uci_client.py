"""UCI programs as players: one that dies while it starts is tried once more."""

import chess

from engine.match.player_specs import parse_spec
from engine.match.uci_client import ExternalPlayer
from tests.helpers.faulty_engine import dies_once


def test_a_program_that_dies_while_it_starts_is_tried_once_more(stockfish_path, tmp_path):
    program = dies_once(tmp_path, stockfish_path)
    board = chess.Board()
    with ExternalPlayer(parse_spec(f"uci:{program},depth=1")) as player:
        assert board.is_legal(player.play(board))
