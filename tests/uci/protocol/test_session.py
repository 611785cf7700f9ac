"""A UCI session from line to line, with a stand-in for the network."""

import re
import threading

import chess
import numpy as np
import pytest

from engine.networks import shipped_network
from tests.helpers.dialogue import Dialogue, load_fake
from tests.helpers.fakes import FakePredictor, ValuesPredictor
from tests.helpers.paths import FIXTURES
from uci.protocol.think import Loaded

INFO = re.compile(
    r"info depth 1 seldepth [12] multipv (\d+) score (cp -?\d+|mate -?\d+)( wdl \d+ \d+ \d+)? "
    r"nodes \d+ nps \d+ hashfull \d+ time \d+ pv( [a-h][1-8][a-h][1-8][qrbn]?)+$"
)
GO = "depth 3|nodes 1|mate 2|movetime 10|infinite|ponder|wtime 0 btime 0|wtime -5 btime 3 winc 1"


@pytest.fixture
def gui():
    with Dialogue() as dialogue:
        yield dialogue


def infos(lines: list[str]) -> list[re.Match]:
    found = [INFO.match(line) for line in lines if line.startswith("info depth")]
    assert all(found), lines
    return [match for match in found if match]


def legal(board: chess.Board, bestmove: str) -> bool:
    return chess.Move.from_uci(bestmove.split()[1]) in board.legal_moves


def test_uci_names_the_engine_and_its_options(gui):
    lines = gui.ask("uci", answer="uciok")
    assert lines[0] == f"id name {shipped_network().stem.replace('argmax-', 'Argmax ')}"
    assert lines[1].startswith("id author ")
    assert all(line.startswith("option name ") for line in lines[2:-1])
    names = {line.split(" type ")[0].removeprefix("option name ") for line in lines[2:-1]}
    assert {"Network", "MultiPV", "Risk", "Draw Contempt", "UCI_Elo", "SyzygyPath"} <= names
    assert "UCI_Chess960" not in names


@pytest.mark.parametrize("go", ["", *GO.split("|")])
def test_every_kind_of_go_is_answered(gui, go):
    lines = gui.ask("position startpos moves e2e4", f"go {go}", "stop")
    assert legal(
        chess.Board("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"), lines[-1]
    )
    assert len(infos(lines)) in ((1, 2) if go in ("infinite", "ponder") else (1,))


@pytest.mark.parametrize(("go", "release"), [("infinite", "stop"), ("ponder", "ponderhit")])
def test_a_held_bestmove_waits(gui, go, release):
    gui.say("position startpos", f"go {go}")
    first, again = gui.until("info depth"), gui.until("info depth")
    assert first == again
    assert gui.ask("isready", answer="readyok") == ["readyok"]
    *block, bestmove = gui.ask(release)
    assert block == first
    assert legal(chess.Board(), bestmove)
    gui.say("stop", "ponderhit")  # nothing is left to release
    assert gui.ask("isready", answer="readyok") == ["readyok"]


def test_a_new_go_ends_the_one_before(gui):
    lines = gui.ask("position startpos", "go infinite", "go depth 1")
    lines += gui.until("bestmove")
    assert sum(line.startswith("bestmove") for line in lines) == 2


def test_isready_is_answered_while_thinking():
    thinking, go_on = threading.Event(), threading.Event()

    class Slow(FakePredictor):
        def action_values(self, boards, moves):
            thinking.set()
            assert go_on.wait(20)
            return super().action_values(boards, moves)

    with Dialogue(lambda _: Loaded(Slow())) as gui:
        gui.ask("isready", answer="readyok")
        gui.say("position startpos", "go")
        assert thinking.wait(20)
        assert gui.ask("isready", answer="readyok") == ["readyok"]
        go_on.set()
        gui.until("bestmove")


def test_isready_waits_for_the_network():
    loading = threading.Event()

    def load(path):
        assert loading.wait(20)
        return load_fake(path)

    with Dialogue(load) as gui:
        gui.say("isready", "setoption name MultiPV value 2", "uci")
        assert gui.until("uciok")[-1] == "uciok"
        loading.set()
        gui.until("readyok")


def test_multipv_is_sorted_and_ends_with_the_legal_moves(gui):
    gui.say("setoption name MultiPV value 30", "position startpos")
    found = infos(gui.ask("go"))
    assert [int(match[1]) for match in found] == 2 * list(range(1, 21))
    assert [match[0] for match in found[:20]] == [match[0] for match in found[20:]]
    scores = [int(match[2].split()[1]) for match in found[:20]]
    assert scores == sorted(scores, reverse=True)


def test_wdl_sums_to_a_thousand_and_can_be_turned_off(gui):
    line = gui.ask("position startpos", "go")[0]
    assert sum(map(int, line.split(" wdl ")[1].split()[:3])) == 1000
    assert " wdl " not in gui.ask("setoption name UCI_ShowWDL value false", "go")[0]


def test_a_mate_is_told_and_played(gui):
    lines = gui.ask("position fen 6k1/5ppp/8/8/8/8/8/R5K1 w - - 0 1", "go")
    assert "score mate 1 wdl 1000 0 0 " in lines[0]
    assert lines[-1] == "bestmove a1a8"


def test_searchmoves_limits_the_choice(gui):
    lines = gui.ask("position startpos", "go searchmoves a2a3 a2a3 h8h1")
    assert lines[-1] == "bestmove a2a3"
    assert any("searchmoves: expected a legal move" in line for line in lines)


def test_the_distribution_is_shown_when_asked_for(gui):
    gui.say("setoption name Show Distribution value true", "position startpos")
    info, distribution, bestmove = gui.ask("go")
    assert info.startswith("info depth")
    assert distribution.startswith("info string distribution " + bestmove.split()[1])
    assert sum(map(int, distribution.split()[-1].split(","))) == pytest.approx(10_000, abs=16)


def test_pondering_names_a_legal_answer(gui):
    info, bestmove = gui.ask("setoption name Ponder value true", "position startpos", "go")
    _, move, _, reply = bestmove.split()
    board = chess.Board()
    board.push_uci(move)
    board.push_uci(reply)
    assert info.endswith(f" pv {move} {reply}")


def test_the_real_history_counts():
    moves = ["g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1"]

    def win_prob(board, move):
        return 0.9 if move.uci() == "f6g8" else 0.6

    with Dialogue(lambda _: Loaded(ValuesPredictor(win_prob))) as gui:
        assert (
            gui.ask("position startpos moves " + " ".join(moves[:3]), "go")[-1] != "bestmove f6g8"
        )
        gui.say("setoption name Rules value false")
        assert gui.ask("go")[-1] == "bestmove f6g8"


def test_the_same_seed_plays_the_same_and_others_vary(gui):
    gui.say("setoption name Temperature value 300", "setoption name Seed value 5")
    gui.say("position startpos")
    assert len({gui.ask("go")[-1] for _ in range(5)}) == 1
    seen = {gui.ask(f"setoption name Seed value {seed}", "go")[-1] for seed in range(1, 30)}
    assert len(seen) > 5


def test_limited_strength_chooses_warmer_but_analysis_does_not(gui):
    gui.say("position startpos", "setoption name UCI_LimitStrength value true")
    gui.say("setoption name UCI_Elo value 800")
    weak = {gui.ask(f"setoption name Seed value {seed}", "go")[-1] for seed in range(1, 20)}
    assert len(weak) > 3
    gui.say("setoption name UCI_AnalyseMode value true")
    best = {gui.ask(f"setoption name Seed value {seed}", "go")[-1] for seed in range(1, 20)}
    assert len(best) == 1


def test_risk_changes_the_choice():
    sure, daring = np.eye(16)[9], (np.eye(16)[0] + 1.1 * np.eye(16)[15]) / 2.1

    class Two(FakePredictor):
        def distribution(self, fen, move):
            rows = {"e2e4": sure, "d2d4": daring}
            return rows.get(move, np.eye(16)[0]).astype(np.float32)

    with Dialogue(lambda _: Loaded(Two())) as gui:
        gui.say("position startpos")
        assert gui.ask("setoption name Risk value 20", "go")[-1] == "bestmove e2e4"
        assert gui.ask("setoption name Risk value 80", "go")[-1] == "bestmove d2d4"


@pytest.mark.parametrize(("depth", "nodes"), [(1, 20), (2, 400), (3, 8902), (0, 20)])
def test_perft(gui, depth, nodes):
    lines = gui.ask("position startpos", f"go perft {depth}", answer="Nodes searched")
    assert lines[-1] == f"Nodes searched: {nodes}"


def test_a_long_perft_can_be_stopped(gui):
    gui.say("position startpos", "go perft 8", "stop")
    gui.ask("go depth 1")


def test_syzygy_tables_are_used(gui, request):
    tables = FIXTURES / "syzygy"
    gui.say(f"setoption name SyzygyPath value {tables}")
    assert gui.until("info string")[-1].endswith("SyzygyPath: 10 tables, up to 3 pieces")
    lines = gui.ask("position fen 4k3/8/4K3/4P3/8/8/8/8 w - - 0 1", "go")
    assert lines[-1] in ("bestmove e6d6", "bestmove e6f6")
    assert " wdl 9" in lines[0]


def test_what_is_owed_at_the_end_is_still_given():
    gui = Dialogue()
    gui.say("position startpos", "go infinite", "isready")
    lines = gui.rest()
    assert "readyok" in lines
    assert sum(line.startswith("bestmove") for line in lines) == 1
