"""What should not come, and what must not happen after it: no wrong move, and the engine lives."""

import os
from pathlib import Path

import chess
import pytest

from engine.play.strength import read_curve
from tests.helpers.dialogue import Dialogue, load_fake
from tests.helpers.fakes import FakePredictor
from uci.protocol.network_slot import load
from uci.protocol.think import Loaded

STALEMATE, MATED = "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "7k/6Q1/6K1/8/8/8/8/8 b - - 0 1"


@pytest.fixture
def gui():
    with Dialogue() as dialogue:
        yield dialogue


def legal(board: chess.Board, bestmove: str) -> bool:
    return chess.Move.from_uci(bestmove.split()[1]) in board.legal_moves


@pytest.mark.parametrize(("fen", "score"), [(STALEMATE, "cp 0"), (MATED, "mate 0")])
def test_a_finished_game_has_no_move(gui, fen, score):
    lines = gui.ask(f"position fen {fen}", "go")
    assert lines[-1] == "bestmove (none)"
    assert f"score {score}" in lines[0]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("setoption name Nothing value 3", "no option is called 'Nothing'"),
        ("setoption name MultiPV value 0", "expected 1 to 218, found '0'"),
        ("setoption name SyzygyPath value /nowhere", "expected a folder with Syzygy tables"),
        ("go wtime soon", "expected a whole number, found 'wtime soon'"),
    ],
)
def test_bad_input_is_told_and_the_old_state_kept(gui, line, complaint):
    before = gui.ask("position startpos moves d2d4", "go")[-1]
    gui.say(line)
    told = gui.until("info string")
    assert complaint in told[-1]
    gui.say("stop")
    if line.startswith("go"):
        gui.until("bestmove")
    assert gui.ask("go")[-1] == before


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("position fen rubbish", "expected a FEN"),
        ("position fen 8/8/8/8/8/8/8/8 w - - 0 1", "no white king, no black king"),
        ("position startpos moves e2e4 e2e4", "move 2: expected a legal move"),
        ("position startpos moves e2e4 0000", "move 2: expected a legal move"),
        ("position nowhere", "expected position startpos"),
    ],
)
@pytest.mark.parametrize("go", ["go", "go infinite", "go perft 1"])
def test_after_a_bad_position_there_is_no_move_until_a_good_one(gui, line, complaint, go):
    gui.ask("position startpos moves d2d4", "go")
    gui.say(line)
    told = gui.until("info string")
    assert complaint in told[-1]
    assert gui.ask(go, "stop") == ["bestmove (none)"]
    assert legal(chess.Board(), gui.ask("position startpos", "go")[-1])
    gui.say(line)
    gui.until("info string")
    assert legal(chess.Board(), gui.ask("ucinewgame", "go")[-1])


@pytest.mark.parametrize(
    "behind",
    ["- -", "- - 0 1", "- - 0 1;", "- -;", '- - bm Ra8#; id "back rank";', "- - hmvc 3; fmvn 9;"],
)
def test_what_stands_behind_a_fen_is_no_reason_to_refuse_the_board(gui, behind):
    position = f"position fen 6k1/5ppp/8/8/8/8/8/R5K1 w {behind}"
    assert gui.ask(position, "go")[-1] == "bestmove a1a8"
    assert gui.ask(f"{position} moves g1f1", "go")[-1] != "bestmove (none)"


def test_go_before_position_takes_the_starting_position(gui):
    lines = gui.ask("ucinewgame", "go")
    assert "no position was given" in lines[0]
    assert legal(chess.Board(), lines[-1])


def test_a_broken_network_leaves_the_old_one_in_use(gui):
    best = gui.ask("position startpos", "go")[-1]
    lines = gui.ask("setoption name Network value broken.net", "isready", answer="readyok")
    told, _ = lines
    assert "expected a network file" in told
    assert "stays in use" in told
    assert gui.ask("go")[-1] == best
    assert gui.ask("setoption name Network value other.net", "isready", answer="readyok")[:-1] == []


@pytest.mark.parametrize("error", [AttributeError("x"), MemoryError(), RecursionError("deep")])
def test_whatever_goes_wrong_in_loading_the_old_network_plays_on(error):
    def load(path):
        if path.name == "hostile.net":
            raise error
        return load_fake(path)

    with Dialogue(load) as gui:
        best = gui.ask("position startpos", "go")[-1]
        lines = gui.ask("setoption name Network value hostile.net", "isready", answer="readyok")
        assert [line for line in lines if "string Network:" in line] == lines[:-1]
        assert len(lines) == 2
        assert gui.ask("go")[-1] == best


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_only_a_regular_file_is_read_as_a_network(kind, tmp_path):
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()

    def load_some(path):
        return load(path) if path.name != "default.net" else load_fake(path)

    with Dialogue(load_some) as gui:
        gui.say(f"setoption name Network value {path}")
        lines = gui.ask("isready", "position startpos", "go")
        assert "no regular file" in lines[0]
        assert legal(chess.Board(), lines[-1])
    assert read_curve(path) is None


def test_a_broken_first_network_gives_way_to_the_default(gui):
    lines = gui.ask("setoption name Network value broken.net", "position startpos", "go")
    assert "expected a network file" in lines[0]
    assert legal(chess.Board(), lines[-1])


def test_without_any_network_the_engine_says_so_and_lives():
    def load(path):
        raise OSError(f"no file {path}")

    with Dialogue(load) as gui:
        lines = gui.ask("position startpos", "go")
        assert "no file default.net" in lines[0]
        assert "found none in 'default.net'" in lines[1]
        assert lines[-1] == "bestmove (none)"
        gui.ask("isready", answer="readyok")


def test_a_mistake_of_ours_still_ends_in_a_bestmove(capsys):
    class Mistaken(FakePredictor):
        def action_values(self, boards, moves):
            raise ZeroDivisionError("oops")

    with Dialogue(lambda _: Loaded(Mistaken())) as gui:
        lines = gui.ask("position startpos", "go")
    assert "ZeroDivisionError: oops" in lines[0]
    assert lines[-1] == "bestmove (none)"
    assert "Traceback" in capsys.readouterr().err


def test_unknown_commands_are_only_told_when_debugging(gui):
    gui.say("xyzzy")
    assert gui.ask("isready", answer="readyok") == ["readyok"]
    assert "xyzzy" in gui.ask("debug on", "xyzzy", "isready", answer="readyok")[0]
