"""The terminal game, the self-play behind it, and what `analyse` shows."""

import io
import sys

import chess
import chess.pgn
import numpy as np
import pytest
from rich.console import Console

from engine.play.analysis import to_json
from engine.play.engine import SearchlessEngine
from tests.helpers.fakes import FakePredictor, ValuesPredictor
from uci.commands import play
from uci.terminal.display import analysis_table, board_text, sparkline
from uci.terminal.terminal_game import TerminalGame, game_to_pgn, result_of, self_play

MATE_IN_ONE = "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"


@pytest.fixture
def engine():
    return SearchlessEngine(FakePredictor())


@pytest.fixture
def game(engine):
    return TerminalGame(engine, chess.Board(), chess.WHITE)


def drawn(renderable) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("move", ["e4", "e2e4", "Nf3", " g1f3 ", "Na3"])
def test_moves_are_taken_as_san_or_uci(game, move):
    assert game.answer(move).board_changed
    assert game.engine_to_move
    shown = game.engine_move()
    assert shown.text.startswith("Argmax plays 1... ")
    assert not game.engine_to_move


@pytest.mark.parametrize(
    "typed", ["e5", "Ke2", "xyzzy", "0000", "--", "e2e4e5", "push", "engine_move"]
)
def test_what_is_no_move_changes_nothing(game, typed):
    assert "is not a legal move" in game.answer(typed).text
    assert game.board == chess.Board()


def test_undo_takes_back_the_last_decision(game):
    assert "nothing to take back" in game.answer("undo").text
    game.answer("e4")
    game.engine_move()
    game.answer("Undo")
    assert game.board == chess.Board()


def test_a_hint_is_the_engine_s_own_choice(game, engine):
    analysis = game.answer("hint").analysis
    assert analysis.best == engine.play(chess.Board())


def test_help_moves_fen_and_flip(game):
    assert "resign" in game.answer("help").text
    assert game.answer("moves").text.count(",") == 19
    assert game.answer("fen").text == chess.STARTING_FEN
    assert game.answer("").text == ""
    game.answer("flip")
    assert game.bottom == chess.BLACK


def test_resigning_and_leaving(game):
    game.answer("resign")
    assert game.over
    assert game.result == ("0-1", "you resigned")
    other = TerminalGame(game.engine, chess.Board(), chess.BLACK)
    other.answer("quit")
    assert other.over
    assert other.result is None
    assert '[Termination "unterminated"]' in other.to_pgn()


def test_a_mate_ends_the_game(engine):
    game = TerminalGame(engine, chess.Board(MATE_IN_ONE), chess.WHITE)
    game.answer("Ra8")
    assert game.result == ("1-0", "checkmate")
    assert not game.engine_to_move


def test_a_game_that_is_over_before_it_starts(engine):
    board = chess.Board("7k/6Q1/6K1/8/8/8/8/8 b - - 0 1")
    assert TerminalGame(engine, board, chess.WHITE).over


@pytest.mark.parametrize(
    ("fen", "moves", "expected"),
    [
        (chess.STARTING_FEN, "", None),
        (chess.STARTING_FEN, "g1f3 g8f6 f3g1 f6g8 " * 2, ("1/2-1/2", "threefold repetition")),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 99 90", "a1a7", ("1/2-1/2", "fifty moves")),
        ("7k/8/8/8/8/8/p7/K7 w - - 0 1", "a1a2", ("1/2-1/2", "insufficient material")),
        ("k7/8/1K6/8/8/8/8/2Q5 w - - 0 1", "c1c7", ("1/2-1/2", "stalemate")),
    ],
)
def test_results(fen, moves, expected):
    board = chess.Board(fen)
    for move in moves.split():
        board.push_uci(move)
    assert result_of(board) == expected


def test_self_play_ends_and_is_the_same_every_time():
    def game() -> str:
        board = chess.Board()
        return game_to_pgn(
            board, "Argmax", "Argmax", self_play(SearchlessEngine(FakePredictor()), board)
        )

    text = game()
    assert text == game()
    assert max(map(len, text.splitlines())) <= 80
    parsed = chess.pgn.read_game(io.StringIO(text))
    assert parsed
    assert not parsed.errors
    assert parsed.headers["Result"] != "*"
    assert parsed.headers["Termination"] == "normal"


def test_without_a_terminal_a_game_is_printed(engine, monkeypatch, capsys):
    monkeypatch.setattr(play, "opponent", lambda args: engine)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert play.run(play.Args(fen=MATE_IN_ONE)) == 0
    out = capsys.readouterr().out
    assert "1. Ra8# { checkmate } 1-0" in out
    assert f'[FEN "{MATE_IN_ONE}"]' in out


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize("bottom", [chess.WHITE, chess.BLACK])
def test_the_board_is_drawn_from_either_side(coloured, bottom):
    board = chess.Board("6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1")
    board.push_uci("a1a8")
    lines = drawn(board_text(board, bottom, coloured)).splitlines()
    assert lines[0].startswith(" 8 " if bottom else " 1 ")
    assert lines[8].split() == list("abcdefgh" if bottom else "hgfedcba")
    text = "\n".join(lines)
    assert text.count("♟") == 3
    assert text.count("♚") == (2 if coloured else 1)
    assert ("♖" in text) != coloured


def test_a_sparkline_s_highest_block_is_the_mode():
    line = sparkline(np.array([0.1, 0.2, 0.6, 0.1]), width=4).plain
    assert line == "▂▃█▂"
    assert len(sparkline(np.full(64, 1 / 64)).plain) == 24


def test_the_table_fits_80_columns_and_names_verdicts(engine):
    analysis = engine.analyse(chess.Board(MATE_IN_ONE))
    lines = drawn(analysis_table(analysis)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 1 + len(analysis.moves)
    assert "Ra8#" in lines[1]
    assert "checkmate" in lines[1]
    assert "#1" in lines[1]


def test_analysis_as_json():
    board = chess.Board(MATE_IN_ONE)
    analysis = SearchlessEngine(ValuesPredictor(lambda *_: 0.6)).analyse(board)
    found = to_json(analysis)
    assert found["fen"] == MATE_IN_ONE
    assert found["best"] == found["moves"][0]["move"] == "a1a8"
    assert found["moves"][0]["verdict"] == "checkmate"
    for row in found["moves"]:
        assert len(row["distribution"]) == 16
        assert sum(row["distribution"]) == pytest.approx(1, abs=1e-4)
        assert sum(row["wdl"]) == pytest.approx(1, abs=1e-3)
