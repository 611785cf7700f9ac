"""The terminal game, the self-play behind it, and what `analyse` shows."""

import datetime
import io
import sys

import chess
import chess.pgn
import numpy as np
import pytest
import zstandard

from data_pipeline.common.terminal import PlainConsole
from engine.play.analysis import to_json
from engine.play.engine import SearchlessEngine
from engine.play.strength import StrengthCurve
from tests.helpers.fakes import FakePredictor, ValuesPredictor
from uci.commands import play as command
from uci.terminal.display import analysis_table, commands_table, sparkline
from uci.terminal.saved_games import game_to_pgn
from uci.terminal.terminal_game import COMMANDS, NAMES, TerminalGame, result_of, self_play

MATE_IN_ONE = "6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1"


@pytest.fixture
def engine():
    return SearchlessEngine(FakePredictor())


@pytest.fixture
def game(engine):
    return TerminalGame(engine, chess.Board(), chess.WHITE)


def drawn(renderable, width: int = 80) -> str:
    out = io.StringIO()
    PlainConsole(file=out, width=width).print(renderable)
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
    assert game.answer("help").help
    assert game.answer("moves").text.count(",") == 19
    assert game.answer("fen").text == chess.STARTING_FEN
    assert game.answer("").text == ""
    game.answer("flip")
    assert game.bottom == chess.BLACK


def test_resigning_and_leaving(game):
    game.answer("resign")
    assert not game.left
    assert game.result == ("0-1", "you resigned")
    other = TerminalGame(game.engine, chess.Board(), chess.BLACK)
    other.answer("quit")
    assert other.left
    assert other.result is None
    assert '[Termination "unterminated"]' in other.to_pgn()


def play(game: TerminalGame, *lines: str) -> list[str]:
    """What the game says to lines, with the engine's moves in between."""
    said = []
    for line in lines:
        said.append(game.answer(line).text)
        while game.engine_to_move:
            game.engine_move()
    return said


def test_undo_after_the_end_goes_on(engine):
    """After a mate, after a resignation, and after a mate by the engine."""
    game = TerminalGame(engine, chess.Board(MATE_IN_ONE), chess.WHITE)
    assert play(game, "Ra8", "Ra7", "hint", "resign") == [
        "1-0  checkmate",
        "The game is over. Type 'new', 'undo', 'save FILE' or 'quit'.",
        "The game is over.",
        "The game is over.",
    ]
    play(game, "undo")
    assert (game.result, game.board) == (None, chess.Board(MATE_IN_ONE))
    play(game, "resign", "undo")
    assert (game.result, game.board) == (None, chess.Board(MATE_IN_ONE))
    mated = TerminalGame(engine, chess.Board("6k1/8/8/8/8/7r/r7/6K1 w - - 0 1"), chess.WHITE)
    mated.board.push_san("Kf1")
    mated.board.push_san("Rh1#")
    mated.result = result_of(mated.board)
    play(mated, "undo")
    assert not mated.board.move_stack
    assert mated.result is None


def test_a_black_player_cannot_take_back_the_engine_s_first_move(engine):
    game = TerminalGame(engine, chess.Board(), chess.BLACK)
    game.engine_move()
    assert play(game, "undo") == ["There is nothing to take back."]


def test_new_games_and_sides(game):
    play(game, "e4", "resign", "new black")
    assert (game.color, game.bottom, game.result) == (chess.BLACK, chess.BLACK, None)
    assert len(game.board.move_stack) == 1
    play(game, "new White")
    assert (game.color, game.board) == (chess.WHITE, chess.Board())
    play(game, "new")
    assert game.color == chess.WHITE
    assert "found 'red'" in play(game, "new red")[0]


def test_levels_are_those_that_were_measured(engine):
    game = TerminalGame(engine, chess.Board(), chess.WHITE)
    assert play(game, "level") == ["Full strength; other levels of this network were not measured."]
    assert "whose strength was measured" in play(game, "level 1200")[0]
    game.curve = StrengthCurve((0.0, 0.1), (1600.0, 1000.0))
    assert "level 1300 (levels 1000 to 1600, or full)" in play(game, "level 1300")[0]
    assert engine.choice.temperature == pytest.approx(0.05)
    assert "expected a level of 1000 to 1600, found 900" in play(game, "level 900")[0]
    assert "found 'strong'" in play(game, "level strong")[0]
    assert "Expected an Elo, or 'full', found '1111" in play(game, "level " + "1" * 5000)[0]
    assert (game.level, '[BlackElo "1300"]' in game.to_pgn()) == (1300, True)
    assert "full strength" in play(game, "level full")[0]
    assert (game.level, engine.choice.temperature) == (None, 0.0)


def test_a_game_says_which_moves_were_played_at_which_level(engine, tmp_path):
    """A tag says what held for the whole game; comments say where the strength changed."""
    curve = StrengthCurve((0.0, 0.1), (1600.0, 1000.0))
    game = TerminalGame(engine, chess.Board(), chess.WHITE, curve=curve)
    play(game, "level 1300", "a4", "b4")
    assert '[BlackElo "1300"]' in game.to_pgn() and "from here" not in game.to_pgn()
    play(game, "level 1200")  # has not played yet
    assert '[BlackElo "1300"]' in game.to_pgn()
    play(game, "c4", "level full", "d4")
    parsed = chess.pgn.read_game(io.StringIO(game.to_pgn()))
    assert parsed and "BlackElo" not in parsed.headers
    comments = [node.comment for node in parsed.mainline()]
    assert [c.removeprefix("Argmax at ").removesuffix(" from here") for c in comments] == [
        *("level 1300", "", "", "", "level 1200", "", "full strength", "")
    ]
    play(game, "undo", "undo")  # back to the part that has one level
    assert '[BlackElo "1300"]' in game.to_pgn() and "from here" not in game.to_pgn()
    file = tmp_path / "game.pgn"
    play(game, f"save {file}", "new", "e3", f"load {file}")
    assert '[BlackElo "1300"]' in game.to_pgn()
    play(game, "level 1000", "h4")
    assert "BlackElo" not in game.to_pgn() and "level 1000 from here" in game.to_pgn()


def test_a_loaded_game_of_unknown_strength_gets_no_level(engine, tmp_path):
    file = tmp_path / "game.pgn"
    file.write_text('[White "You"]\n[Black "Argmax"]\n\n1. a4 a5 2. b4 b5 *\n')
    curve = StrengthCurve((0.0, 0.1), (1600.0, 1000.0))
    game = TerminalGame(engine, chess.Board(), chess.WHITE, curve=curve)
    play(game, "level 1300", f"load {file}")
    assert "1300" not in game.to_pgn()
    play(game, "h4")
    assert "BlackElo" not in game.to_pgn()
    assert "3. h4 { Argmax at level 1300 from here }" in game.to_pgn()


def test_a_saved_game_is_loaded_again(engine, tmp_path):
    file = tmp_path / "game.pgn"
    game = TerminalGame(engine, chess.Board(), chess.BLACK, name="Ørsted")
    game.engine_move()
    play(game, "a6", "b6", f"save {file}", "c6", f"SAVE {file}")
    tags = chess.pgn.read_game(io.StringIO(file.read_text("utf-8"))).headers  # pyright: ignore
    assert (tags["White"], tags["Black"], tags["Result"]) == ("Argmax", "Ørsted", "*")
    assert tags["Date"] == datetime.date.today().strftime("%Y.%m.%d")
    other = TerminalGame(engine, chess.Board(), chess.WHITE, name="Ørsted")
    assert "choose another name" in other.answer(f"save {file}").text
    other.answer(f"load {file}")
    assert other.board == game.board
    assert other.board.move_stack == game.board.move_stack
    assert other.color == chess.BLACK
    play(game, "resign", f"save {file}")
    assert other.answer(f"load {file}").text == "1-0  you resigned"
    play(other, "undo", "new")
    assert len(other.board.move_stack) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "found none"),
        (b"nothing of chess", "found: illegal move"),
        (b"\xff\xfe\x00", "found none"),
        (b"1. e4 \x00 *", "found: NUL byte"),
        (b"1. e4 e5 2. Ke3 *", "found: illegal move"),
        (b"1. e4 -- 2. d4 *", "found: null move"),
        (b'[Variant "Atomic"]\n\n1. e4 *\n', "found: variant"),
        (b'[FEN "8/8/8/8/8/8/8/8 w - - 0 1"]\n\n*\n', "found: illegal position"),
    ],
)
def test_what_cannot_be_loaded_changes_nothing(game, tmp_path, content, why):
    file = tmp_path / "bad.pgn"
    file.write_bytes(content)
    assert why in game.answer(f"load {file}").text
    assert "Not loaded" in game.answer(f"load {tmp_path}").text
    assert "Not saved" in game.answer(f"save {tmp_path}/no/such/folder/x.pgn").text
    for name in ("\0", "~no-such-person/x.pgn", "x" * 5000):
        assert "Not loaded" in game.answer(f"load {name}").text
        assert "Not saved" in game.answer(f"save {name}").text
    assert "under which name" in game.answer("save").text
    assert "which file" in game.answer("load").text
    assert game.board == chess.Board()


E4_E5 = "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2"
PAWN = "4k3/8/8/4p3/8/8/8/4K3 w - - 0 10"


@pytest.mark.parametrize(
    ("content", "fen", "result"),
    [
        ("1. e4 e5 ½-½", E4_E5, "1/2-1/2"),
        ('[White "Müller"]\n\n1. e4\n\ne5 *', E4_E5, None),
        ('[Event "a"]\n\n\n[FEN "4k3/4p3/8/8/8/8/8/4K3 b KQ - 3 9;"]\n\n\n1... e5 *', PAWN, None),
        ('[Event "a"]\n[Result "*"]\n[Event "b"]\n\n1. d4 *', chess.STARTING_FEN, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compressed", [False, True])
def test_games_that_others_wrote(game, tmp_path, content, fen, result, compressed):
    """Empty lines, results and encodings of any kind: the reader is that of all commands."""
    file = tmp_path / "game.pgn"
    text = content.encode("latin-1")
    file.write_bytes(zstandard.compress(text) if compressed else text)
    answer = game.answer(f"load {file}")
    assert game.board.fen() == fen
    assert (game.result and game.result[0]) == result, answer
    game.answer(f"save {tmp_path / 'again.pgn'}")
    game.answer(f"load {tmp_path / 'again.pgn'}")
    assert game.board.fen() == fen


def test_the_bar_shows_white_s_chances_whoever_is_to_move(engine):
    white = SearchlessEngine(ValuesPredictor(lambda board, _: 0.8 if board.turn else 0.2))
    game = TerminalGame(white, chess.Board(), chess.WHITE)
    assert game.white_win_prob() == pytest.approx(0.8, abs=0.05)
    game.board.push_san("e4")
    assert game.white_win_prob() == pytest.approx(0.8, abs=0.05)
    play(game, "bar", "resign")
    assert (game.bar, game.white_win_prob()) == (True, 0.0)


def test_a_mate_ends_the_game(engine):
    game = TerminalGame(engine, chess.Board(MATE_IN_ONE), chess.WHITE)
    game.answer("Ra8")
    assert game.result == ("1-0", "checkmate")
    assert not game.engine_to_move


def test_a_game_that_is_over_before_it_starts(engine):
    board = chess.Board("7k/6Q1/6K1/8/8/8/8/8 b - - 0 1")
    game = TerminalGame(engine, board, chess.WHITE)
    assert game.result == ("1-0", "checkmate")
    assert not game.engine_to_move


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
    monkeypatch.setattr(command, "opponent", lambda args: engine)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert command.run(command.Args(fen=MATE_IN_ONE)) == 0
    out = capsys.readouterr().out
    assert "1. Ra8# { checkmate } 1-0" in out
    assert f'[FEN "{MATE_IN_ONE}"]' in out


def test_a_sparkline_s_highest_block_is_the_mode():
    line = sparkline(np.array([0.1, 0.2, 0.6, 0.1]), width=4).plain
    assert line == "▂▃█▂"
    assert len(sparkline(np.full(64, 1 / 64)).plain) == 24


@pytest.mark.parametrize("width", range(40, 201, 4))
def test_the_numbers_are_whole_at_every_width(engine, width):
    analysis = engine.analyse(chess.Board(MATE_IN_ONE))
    lines = drawn(analysis_table(analysis, None, width), width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == 1 + len(analysis.moves)
    assert lines[1].split()[:4] == ["1", "Ra8#", "100.0%", "#1"]
    assert all(line.split()[2].endswith("%") for line in lines[1:])
    assert ("win draw loss" in lines[0]) == (width >= 48)
    assert width < 59 or "checkmate" in lines[1]


@pytest.mark.parametrize("width", range(40, 201, 4))
def test_help_is_whole_at_every_width(width):
    lines = drawn(commands_table(COMMANDS), width).splitlines()
    assert max(map(len, lines)) <= width
    assert {line.split()[0] for line in lines if line[2:3].strip()} == NAMES
    words = " ".join(" ".join(lines).split())
    assert all(command in words for command in COMMANDS)


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
