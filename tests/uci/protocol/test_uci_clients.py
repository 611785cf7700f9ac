"""What clients rely on: blocks of info that they see, readyok when all is ready, an end at once."""

import io
import os
import re
import threading
import time

import pytest

from tests.helpers.dialogue import Dialogue, load_fake
from tests.helpers.fakes import FakePredictor
from tests.helpers.paths import FIXTURES
from uci.protocol import session as session_module
from uci.protocol.protocol import Go, parse
from uci.protocol.session import REPEAT_SECONDS, repeat_seconds
from uci.protocol.stdio import has_ended, serve
from uci.protocol.think import Loaded


class Gate(FakePredictor):
    """Values only after ``opened`` is set; ``asked`` is set when someone waits for them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.opened = threading.Event(), threading.Event()

    def action_values(self, boards, moves):
        self.asked.set()
        assert self.opened.wait(20)
        return super().action_values(boards, moves)


@pytest.fixture
def gui():
    with Dialogue() as dialogue:
        yield dialogue


def ranks(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.search(r" multipv (\d+) ", line))]


@pytest.mark.parametrize("multipv", [1, 5])
@pytest.mark.parametrize(("go", "release"), [("infinite", "stop"), ("ponder", "ponderhit")])
def test_the_block_comes_again_between_the_release_and_the_bestmove(gui, multipv, go, release):
    gui.say(f"setoption name MultiPV value {multipv}", "position startpos", f"go {go}")
    while_held = [line for _ in range(2 * multipv) for line in gui.until("info depth")]
    *block, bestmove = gui.ask(release)
    assert ranks(while_held) == 2 * [*range(1, multipv + 1)]
    assert ranks(block) == [*range(1, multipv + 1)]
    assert bestmove.split()[1] == block[0].split(" pv ")[1].split()[0]


@pytest.mark.parametrize("release", ["stop", "ponderhit"])
def test_a_release_before_the_answer_is_found_loses_nothing(release):
    gate = Gate()
    with Dialogue(lambda _: Loaded(gate)) as gui:
        gui.say("position startpos", "go ponder")
        assert gate.asked.wait(20)
        gui.say(release)
        gate.opened.set()
        block = gui.until("bestmove")[:-1]
        assert ranks(block)[:1] == [1]


def test_a_block_that_is_released_during_the_wait_is_not_written_twice(gui, monkeypatch):
    monkeypatch.setattr(session_module, "REPEAT_SECONDS", 30.0)
    gui.say("position startpos", "go infinite")
    gui.until("info depth")
    assert len(gui.ask("stop")) == 2
    assert gui.ask("isready", answer="readyok") == ["readyok"]


def test_the_second_block_comes_after_a_while_and_once(gui):
    gui.say("position startpos", "go infinite")
    gui.until("info depth")
    start = time.perf_counter()
    gui.until("info depth")
    assert time.perf_counter() - start > 0.6 * REPEAT_SECONDS
    time.sleep(2 * REPEAT_SECONDS)
    assert gui.ask("isready", answer="readyok") == ["readyok"]


@pytest.mark.parametrize(
    ("line", "multipv", "seconds"),
    [
        ("go depth 9", 1, None),
        ("go wtime 60000 btime 60000", 1, None),
        ("go", 2, REPEAT_SECONDS),
        ("go infinite", 1, REPEAT_SECONDS),
        ("go ponder wtime 10", 1, REPEAT_SECONDS),
        ("go wtime 60000 btime 100", 2, REPEAT_SECONDS),
        ("go wtime 100 btime 60000", 2, 0.005),
        ("go wtime -5", 2, 0.0),
        ("go movetime 10", 2, 0.005),
    ],
)
def test_a_short_clock_makes_the_wait_short(line, multipv, seconds):
    go = parse(line)
    assert isinstance(go, Go)
    assert repeat_seconds(go, True, multipv) == seconds


def test_what_is_told_once_is_not_told_again(gui):
    gui.say("setoption name MultiPV value 2", "setoption name Show Distribution value true")
    lines = gui.ask("position startpos", "go searchmoves a2a3 a2a4 h8h1")
    assert sum("searchmoves" in line for line in lines) == 1
    assert sum("string distribution" in line for line in lines) == 4


def test_isready_waits_for_the_tables(gui):
    gui.ask("isready", answer="readyok")
    for folder in ("/nonexistent/tb", FIXTURES / "syzygy"):
        lines = gui.ask(f"setoption name SyzygyPath value {folder}", "isready", answer="readyok")
        assert len(lines) == 2
        assert "SyzygyPath: " in lines[0]


def test_missing_tables_are_not_said_to_replace_any(gui):
    def told(folder) -> str:
        return gui.ask(f"setoption name SyzygyPath value {folder}", answer="info string")[-1]

    assert "stay in use" not in told("./nowhere/")
    assert "10 tables" in told(FIXTURES / "syzygy")
    assert "stay in use" in told("./nowhere/")


def test_the_network_is_loaded_without_being_asked_for():
    loaded = threading.Event()

    def load(path):
        loaded.set()
        return load_fake(path)

    with Dialogue(load) as gui:
        gui.ask("uci", answer="uciok")
        assert loaded.wait(20)


def test_only_the_chosen_network_is_loaded_after_uciok():
    imported, paths = threading.Event(), []

    def load(path):
        paths.append(path.name)
        return load_fake(path)

    gui = Dialogue(load)
    gui.session._prepare = lambda: assert_true(imported.wait(20))
    with gui:
        gui.say("uci", "setoption name Network value other.net")
        imported.set()
        gui.ask("isready", answer="readyok")
        gui.ask("position startpos", "go")
    assert paths == ["other.net"]


def assert_true(value: bool) -> None:
    assert value


@pytest.mark.parametrize("queued", [1, 2000])
def test_quit_does_not_wait_for_what_loads_or_is_queued(queued):
    blocked = threading.Event()

    def load(path):
        blocked.wait(20)
        return load_fake(path)

    gui = Dialogue(load)
    lines = io.BytesIO(b"uci\nposition startpos\n" + b"go\n" * queued + b"quit")
    start = time.perf_counter()
    serve(gui.session, lines.readline, ended=lambda: False)
    assert time.perf_counter() - start < 5
    blocked.set()


def test_of_a_script_s_many_goes_only_the_last_is_answered_at_quit():
    gate = Gate()
    gui = Dialogue(lambda _: Loaded(gate))
    lines = io.BytesIO(b"position startpos\n" + b"go\n" * 500 + b"quit")

    def ended() -> bool:
        gate.opened.set()
        return True

    serve(gui.session, lines.readline, ended=ended)
    assert gate.calls <= 2
    assert gui.rest()[-1].startswith("bestmove")


def test_the_end_of_a_pipe_is_seen_and_an_open_one_left_alone():
    read, write = os.pipe()
    with open(read, "rb") as stream:
        assert not has_ended(stream)
        os.write(write, b"more\n")
        os.close(write)
        assert stream.readline() == b"more\n"
        assert has_ended(stream)
