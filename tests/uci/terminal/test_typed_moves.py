"""Moves as people type them: what is clear is played, what is not is asked, and nothing guessed."""

import chess
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.play.engine import SearchlessEngine
from tests.helpers.fakes import FakePredictor
from uci.terminal.terminal_game import TerminalGame
from uci.terminal.typed_moves import typed_moves

PROMOTION = "3n1k2/4P3/8/8/8/8/8/4K3 w - - 0 1"
TWO_KNIGHTS = "4k3/8/8/8/8/1N3N2/8/4K3 w - - 0 1"
B_PAWN_AND_BISHOP = "4k3/8/8/8/8/2p5/1P1B4/4K3 w - - 0 1"
B_PAWN = "4k3/8/8/8/8/2p5/1P6/4K3 w - - 0 1"
BOTH_CASTLES = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
EN_PASSANT = "4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1"
CAPTURES = "4k3/8/8/3p4/4P3/8/8/4K3 w - - 0 1"


@pytest.mark.parametrize(
    ("fen", "typed", "uci"),
    [
        *((PROMOTION, text, "e7e8q") for text in ("e7e8q", "E7E8Q", "e7-e8=Q", "e7e8=q")),
        *((PROMOTION, text, "e7d8n") for text in ("exd8=N", "exd8n", "ed8N", "e7xd8(N)", "ed8/n")),
        *((TWO_KNIGHTS, text, "b3d2") for text in ("Nbd2", "nbd2", "NBD2", "N3bd2", "Nb3-d2")[:3]),
        *((TWO_KNIGHTS, text, "b3d2") for text in ("Nb3-d2", "nb3d2", "b3d2", "B3D2", "Nb3d2+!")),
        *((B_PAWN_AND_BISHOP, text, "b2c3") for text in ("bxc3", "b2xc3", "b2c3", "pbxc3")),
        *((B_PAWN_AND_BISHOP, text, "d2c3") for text in ("Bxc3", "Bc3", "bd2xc3", "d2c3", "B2xc3")),
        *((B_PAWN, text, "b2c3") for text in ("bc3", "bxc3", "BC3", "BXC3", "Pbxc3")),
        *(
            (BOTH_CASTLES, text, "e1g1")
            for text in ("O-O", "0-0", "o-o", "OO", "Kg1", "e1g1", "E1H1")
        ),
        *((BOTH_CASTLES, text, "e1c1") for text in ("O-O-O", "0-0-0", "o-o-o!", "000", "Ke1-c1")),
        *(
            (EN_PASSANT, text, "e5d6")
            for text in ("exd6", "exd6 e.p.", "exd6ep", "e5xd6e.p.", "ed6 ep")
        ),
        *(
            (CAPTURES, text, "e4d5")
            for text in ("exd5", "e4xd5", "ed5", "e4d5", "ED5", "e:d5", "exd5!?")
        ),
        *((chess.STARTING_FEN, text, "g1f3") for text in ("Nf3", "nf3", "G1F3", "Ng1-f3", "♘f3")),
        *(
            (chess.STARTING_FEN, text, "g1f3")
            for text in ("1.Nf3", "1. Nf3", "N f3", "Nf3!!", "Ngf3")
        ),
        *(
            (chess.STARTING_FEN, text, "e2e4")
            for text in ("e4", "E4", "Pe4", "e2-e4", "e2 e4", "e2–e4")
        ),
    ],
)
def test_what_is_clear_is_taken(fen, typed, uci):
    board = chess.Board(fen)
    assert [move.uci() for move in typed_moves(board, typed)] == [uci]


@pytest.mark.parametrize(
    ("fen", "typed", "question"),
    [
        (TWO_KNIGHTS, "Nd2", "Nfd2 or Nbd2?"),
        (TWO_KNIGHTS, "nd2", "Nfd2 or Nbd2?"),
        (TWO_KNIGHTS, "N3d2", "Nfd2 or Nbd2?"),
        (PROMOTION, "e8", "e8=Q, e8=R, e8=B or e8=N?"),
        (PROMOTION, "e7e8", "e8=Q, e8=R, e8=B or e8=N?"),
        (PROMOTION, "exd8", "exd8=Q, exd8=R, exd8=B or exd8=N?"),
        (B_PAWN_AND_BISHOP, "bc3", "bxc3 or Bxc3?"),
        (B_PAWN_AND_BISHOP, "BXC3", "bxc3 or Bxc3?"),
    ],
)
def test_what_is_not_clear_is_asked(fen, typed, question):
    game = TerminalGame(SearchlessEngine(FakePredictor()), chess.Board(fen), chess.WHITE)
    assert game.answer(typed).text == question
    assert game.board == chess.Board(fen)


@pytest.mark.parametrize(("answer", "uci"), [("q", "e7e8q"), ("=N", "e7e8n"), ("e8=R", "e7e8r")])
def test_the_piece_alone_answers_the_question(answer, uci):
    game = TerminalGame(SearchlessEngine(FakePredictor()), chess.Board(PROMOTION), chess.WHITE)
    game.answer("e8")
    assert game.answer(answer).board_changed
    assert game.board.peek().uci() == uci


@pytest.mark.parametrize(
    ("fen", "typed"),
    [
        *((chess.STARTING_FEN, text) for text in ("e5", "Ke2", "0000", "--", "e2e4e5", "O-O", "q")),
        *(
            (chess.STARTING_FEN, text)
            for text in ("e4=Q", "Nf3=Q", "Bf3", "", "N", "x", "♘", "e.p.")
        ),
        (B_PAWN, "Bc3"),  # meant for a bishop that is not there
        (B_PAWN_AND_BISHOP, "b1c3"),  # a square that is empty, no bishop's rank
    ],
)
def test_what_is_illegal_is_not_made_legal(fen, typed):
    assert typed_moves(chess.Board(fen), typed) == []


def boards() -> st.SearchStrategy[chess.Board]:
    def played(choices: list[int]) -> chess.Board:
        board = chess.Board()
        for choice in choices:
            moves = list(board.legal_moves)
            if moves:
                board.push(moves[choice % len(moves)])
        return board

    return st.lists(st.integers(0, 1000), max_size=60).map(played)


@settings(max_examples=10)
@given(boards())
def test_every_notation_of_every_move_is_that_move(board):
    for move in board.legal_moves:
        notations = [board.san(move), board.lan(move), board.uci(move), board.uci(move).upper()]
        for text in (*notations, board.san(move).rstrip("+#") + "!?"):
            assert typed_moves(board, text) == [move], text


@settings(max_examples=25)
@given(boards(), st.text(alphabet="abcdefgh12345678KQRBNPx-=+#Oo0 qrn", max_size=8))
def test_any_text_means_legal_moves_or_nothing(board, text):
    assert set(typed_moves(board, text)) <= set(board.legal_moves)
