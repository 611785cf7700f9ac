"""`python -m uci` as a process of its own, as GUIs, match runners and bots use it."""

import random
import re
import statistics
import subprocess
import sys
import time
import tomllib
from importlib import import_module

import chess
import chess.engine
import pytest

from engine.match.uci_client import find_stockfish
from model.network.network_file import random_network, save_network
from tests.helpers.program import PATIENCE_SECONDS, ROOT, Program

FASTCHESS_FEN = "3r2k1/p5n1/1pq1p2p/2p3p1/2P1P1n1/1P1P2pP/PN1Q2K1/5R2 w - - 0 27"
INFO = re.compile(
    r"info depth \d+ seldepth \d+ multipv \d+ score (cp|mate) -?\d+( wdl \d+ \d+ \d+)? "
    r"nodes \d+ nps \d+ hashfull \d+ time \d+ pv( [a-h][1-8][a-h][1-8][qrbn]?)+$"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("uci")
    save_network(random_network("tiny"), path / "tiny.safetensors")
    return path


@pytest.fixture(scope="module")
def command(folder):
    return [sys.executable, "-m", "uci", "--network", str(folder / "tiny.safetensors")]


@pytest.fixture(scope="module")
def program(command):
    with Program(command) as started:
        started.ask("uci", "isready", answer="readyok")
        yield started


@pytest.mark.parametrize("last", [["quit"], []])
def test_quit_and_the_end_of_input_end_it_at_once(command, last):
    done = subprocess.run(
        command, input="\n".join(["uci", *last]), cwd=ROOT, text=True, capture_output=True,
        timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("uciok\n")
    assert not done.stderr


def test_a_piped_dialogue_is_answered_in_full(command):
    lines = ["uci", "isready", "position startpos moves e2e4", "go depth 1", "quit"]
    done = subprocess.run(
        command, input="\r\n".join(lines), cwd=ROOT, text=True, capture_output=True,
        timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    assert "readyok" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].startswith("bestmove ")
    assert not done.stderr


def test_the_console_script_for_guis_needs_no_argument(monkeypatch):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["argmax-uci"].partition(":")
    called = []
    monkeypatch.setattr(f"{module}.argmax", called.append)
    monkeypatch.setattr(sys, "argv", ["argmax-uci"])
    getattr(import_module(module), function)()
    assert called == [["uci"]]


CLOCKS = [
    "go wtime 100",
    "go btime 100",
    "go wtime 100 winc 100 btime 100 binc 100",
    "go btime 100 binc 100 wtime 100 winc 100",
    "go wtime 100 btime 100 movestogo 5",
    "go movetime 10",
    "go depth 10",
    "go nodes 100",
]


@pytest.mark.parametrize("position", [f"fen {FASTCHESS_FEN}", "startpos moves e2e4 e7e5"])
@pytest.mark.parametrize("go", CLOCKS)
def test_what_fastchess_checks_for_compliance(program, position, go):
    """After any clock: an info line with integer score, time and nps, and a bestmove."""
    program.ask("ucinewgame", "isready", answer="readyok")
    program.ask(f"position {position}", "isready", answer="readyok")
    *infos, best = program.ask(go)
    assert infos
    assert INFO.match(infos[-1]), infos[-1]
    board = chess.Board(FASTCHESS_FEN) if "fen" in position else chess.Board()
    for move in position.split(" moves ")[1].split() if " moves " in position else []:
        board.push_uci(move)
    assert chess.Move.from_uci(best.split()[1]) in board.legal_moves


def test_a_whole_game_with_increments(program):
    program.ask("ucinewgame", "isready", answer="readyok")
    board, clock_ms = chess.Board(), 10_000.0
    for _ in range(40):
        if board.is_game_over(claim_draw=True):
            break
        moves = " ".join(move.uci() for move in board.move_stack)
        start = time.perf_counter()
        best = program.ask(
            f"position startpos moves {moves}" if moves else "position startpos",
            f"go wtime {clock_ms:.0f} btime 10000 winc 1000 binc 1000",
        )[-1]
        clock_ms += 1000 - 1000 * (time.perf_counter() - start)
        board.push(chess.Move.from_uci(best.split()[1]))
        if not board.is_game_over():
            board.push(random.Random(board.ply()).choice(list(board.legal_moves)))
    assert clock_ms > 0
    assert board.ply() > 10


def test_bestmove_comes_within_100_ms(program):
    """Far from it on an idle machine; the median leaves room for a busy one."""
    program.ask("position startpos", "go")
    seconds = []
    for _ in range(40):
        start = time.perf_counter()
        program.ask("position startpos moves e2e4", "go wtime 1000 btime 1000")
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.1


@pytest.fixture
def client(command):
    with chess.engine.SimpleEngine.popen_uci(command, timeout=PATIENCE_SECONDS, cwd=ROOT) as opened:
        yield opened


def push_legal(board: chess.Board, move: chess.Move | None) -> None:
    assert move
    assert move in board.legal_moves
    board.push(move)


def test_a_game_through_python_chess_against_stockfish(client):
    board = chess.Board()
    with chess.engine.SimpleEngine.popen_uci(find_stockfish()) as stockfish:
        stockfish.configure({"Skill Level": 0})
        while not board.is_game_over(claim_draw=True) and board.ply() < 120:
            player = client if board.turn == chess.WHITE else stockfish
            played = player.play(board, chess.engine.Limit(nodes=1), info=chess.engine.INFO_ALL)
            push_legal(board, played.move)
    assert board.ply() > 6


def test_python_chess_reads_the_analysis(client):
    infos = client.analyse(chess.Board(), chess.engine.Limit(depth=1), multipv=3)
    assert [info.get("multipv") for info in infos] == [1, 2, 3]
    scores = [info["score"].white() for info in infos if "score" in info]
    assert scores == sorted(scores, reverse=True)
    for info in infos:
        assert "wdl" in info
        assert sum(info["wdl"]) == 1000
        push_legal(chess.Board(), info.get("pv", [None])[0])


def test_the_default_configuration_of_lichess_bot(client):
    """It sets five options, asks for a move with clocks, and ponders on the expected answer."""
    client.configure(
        {
            "Move Overhead": 100,
            "Threads": 4,
            "Hash": 512,
            "SyzygyPath": "./syzygy/",
            "UCI_ShowWDL": True,
        }
    )
    board = chess.Board()
    limit = chess.engine.Limit(white_clock=60, black_clock=60, white_inc=1, black_inc=1)
    for reply in ("expected", "other", "expected"):
        played = client.play(board, limit, info=chess.engine.INFO_ALL, ponder=True)
        push_legal(board, played.move)
        assert "wdl" in played.info
        others = [move for move in board.legal_moves if move != played.ponder]
        push_legal(board, played.ponder if reply == "expected" else others[0])


def test_go_infinite_through_python_chess_is_stopped(client):
    with client.analysis(chess.Board()) as analysis:
        assert analysis.get().get("pv")
        analysis.stop()
        push_legal(chess.Board(), analysis.wait().move)
