"""Lines that no GUI should send: the engine lives, answers every go, and never plays illegally."""

import contextlib
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import chess
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from tests.helpers.dialogue import CURVE, load_fake
from uci.protocol.positions import after_moves, board_from_fen
from uci.protocol.protocol import Bare, Go, Invalid, Position, parse
from uci.protocol.session import Session
from uci.protocol.stdio import read_lines, serve, writer

LINES = int(os.environ.get("UCI_FUZZ_LINES", "5000"))  # 100000 before a release

# Dialogues of real programs, shortened: python-chess, Cute Chess, fastchess, lichess-bot, Arena.
DIALOGUES: str = """\
uci
setoption name UCI_AnalyseMode value true
setoption name MultiPV value 3
ucinewgame
isready
position startpos moves e2e4 e7e5 g1f3
go infinite
stop
setoption name Move Overhead value 100
setoption name Threads value 4
setoption name Hash value 512
setoption name SyzygyPath value ./syzygy/
setoption name UCI_ShowWDL value true
setoption name Ponder value true
position fen r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1 moves e1g1
go wtime 60000 btime 60000 winc 600 binc 600 movestogo 40
go ponder wtime 1000 btime 1000
ponderhit
go depth 4 nodes 100 movetime 50 searchmoves e2e4 d2d4
position fen 8/8/8/8/8/5k2/6q1/7K w - - 0 1
go mate 3
debug on
go perft 1
setoption name Risk value 20
setoption name Draw Contempt value -10
setoption name Temperature value 100
setoption name Seed value 7
setoption name Show Distribution value true
setoption name UCI_LimitStrength value true
setoption name UCI_Elo value 1000
setoption name Network value broken.net
setoption name Clear Hash
"""
REAL = list[str](DIALOGUES.splitlines())
ODDITIES = ["", "\t", "\x00", "ü", "9" * 30]
WORDS: list[str] = sorted({word for line in REAL for word in line.split()}.union(ODDITIES))


def mutated(rng: random.Random) -> str:
    """A line of a real dialogue with words dropped, doubled, exchanged or cut."""
    words = rng.choice(REAL).split()
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        i = rng.randrange(len(words) + 1)
        words[i : i + rng.randrange(2)] = rng.choice([[], [rng.choice(WORDS)], words[:i][-1:]])
    line = " ".join(words)
    return line[: rng.randrange(len(line) + 1)] if rng.random() < 0.1 else line


def converse(lines: list[str]) -> list[str]:
    """The engine's output for a whole input."""
    out = io.StringIO()
    session = Session(writer(out), load_fake, Path("default.net"), elo_range=CURVE.elo_range)
    serve(session, io.BytesIO("\n".join(lines).encode("utf-8", "replace")).readline)
    return out.getvalue().splitlines()


def check(lines: list[str]) -> None:
    """Every go has its bestmove, legal in the position that was in force when it came; none where
    the last position was bad."""
    output = converse(lines)
    answers = [line.split()[1] for line in output if line.startswith("bestmove")]
    positions = list(positions_of_goes(lines))
    assert len(answers) == len(positions)
    for answer, board in zip(answers, positions, strict=True):
        if answer == "(none)":
            assert not (board and any(board.legal_moves))
        else:
            assert board
            assert chess.Move.from_uci(answer) in board.legal_moves
    assert not [line for line in output if line.startswith("info string go: ") and "Error" in line]


def positions_of_goes(lines: list[str]) -> Iterator[chess.Board | None]:
    """The position that each ``go`` of an input is about; None after a bad one."""
    board: chess.Board | None = chess.Board()
    for line in lines:
        command = parse(line)
        if command is Bare.QUIT:
            return
        if command is Bare.NEW_GAME:
            board = chess.Board()
        elif isinstance(command, Position):
            board = None
            with contextlib.suppress(InputError):
                board = after_moves(board_from_fen(command.fen), command.moves)
        elif isinstance(command, Invalid) and command.command == "position":
            board = None
        elif isinstance(command, Go) and (board is None or "perft" not in command.numbers):
            yield board


def test_mutated_dialogues():
    rng = random.Random(2006)
    for _ in range(LINES // 200):
        check([*(mutated(rng) for _ in range(200)), "stop"])


lines_of_words = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=30)


@settings(max_examples=100)
@given(lines_of_words)
def test_words_in_any_order(lines):
    check([*lines, "stop"])


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=80), max_size=10))
def test_any_text(lines):
    converse(lines)


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes(data):
    for line in read_lines(io.BytesIO(data).readline, limit=50):
        parse(line or "")


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 12))
def test_overlong_lines_are_skipped_whole(lengths, limit):
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    found = list(read_lines(io.BytesIO(data).readline, limit))
    assert found == ["x" * n + "\n" if n < limit + 1 else None for n in lengths]


def test_an_overlong_line_is_told_and_the_next_one_heard():
    output = converse(["position startpos moves " + "e2e4 " * 400_000, "isready"])
    assert "a line of over" in output[0]
    assert output[-1] == "readyok"
