"""Positions as text: what is forgiven, what is mended, what is refused."""

import subprocess
import sys

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.sources.fen import CASTLING, EN_PASSANT, faults_of, read_fen
from tests.helpers.random_chess import random_boards

BOARDS = random_boards(seed=3, games=2)
ENDING = "8/8/8/4k3/8/1Q6/1P6/K7 w - -"
OPERATIONS = (
    "bm #1;",
    "bm 0-0;",
    "bm Qd1+ Kx9",
    "id WAC.001;",
    'id "b; hmvc 3; fmvn 9;"',
    'c0 "f5=10, Be5+=2"; c7 "f5 Be5+";',
    "dm 5;",
    "acd 17; acs 10; ce 32766;",
    "am Rxe4; pv a3 d5;",
    'Ae "an engine"',
    "D1 20; D2 400;",
    ";",
    "",
)
operations = st.lists(st.sampled_from(OPERATIONS), max_size=4).map(" ".join)


@given(st.sampled_from(BOARDS), operations, st.sampled_from(["\ufeff", "\u200b", "  ", ""]))
def test_operations_and_marks_change_nothing(board, text, mark):
    if not board.is_valid():
        return
    found = read_fen(f"{mark}{board.fen()} {text}\r\n")
    assert found.board == board
    assert found.board.move_stack == []
    assert (found.halfmove_clock, found.fullmove_number) == (
        board.halfmove_clock,
        board.fullmove_number,
    )
    without = read_fen(f"{mark}{board.epd()} {text}")
    assert without.board.epd() == board.epd()
    assert (without.halfmove_clock, without.fullmove_number) == (None, None)


@given(st.text(max_size=40) | st.text(alphabet='kKqQ/8wb -0;hmvcfn"1', max_size=80))
def test_any_text_is_a_position_or_a_value_error(text):
    for line in (text, f"{ENDING} {text}"):
        try:
            found = read_fen(line)
        except ValueError:
            continue
        assert chess.Board(found.board.fen()) == found.board


@pytest.mark.parametrize(
    ("text", "halfmoves", "number"),
    [
        (f"{ENDING} hmvc 95; fmvn 130;", 95, 130),
        (f"{ENDING} fmvn 130; bm Qb5+; hmvc 95", 95, 130),
        (f"{ENDING} hmvc 95;", 95, None),
        (f"{ENDING} fmvn 130", None, 130),
        (f"{ENDING}; hmvc 95", 95, None),
        (f"{ENDING} 95 130", 95, 130),
        (f"{ENDING} 95 130;", 95, 130),
        (f"{ENDING} 95; fmvn 130;", 95, 130),
        (f"{ENDING} 95", 95, None),
        (f"{ENDING} - 130", None, 130),
        (f'{ENDING} 0 15 bm Qb5+; hmvc 7; id "x";', 0, 15),
        (f'{ENDING} id "hmvc 7; fmvn 8"; fmvn 9;', None, 9),
        (f"{ENDING} 0 0", 0, 0),
        (ENDING, None, None),
    ],
)
def test_each_clock_is_kept_by_itself(text, halfmoves, number):
    found = read_fen(text)
    assert (found.halfmove_clock, found.fullmove_number) == (halfmoves, number)
    assert found.board.halfmove_clock == (halfmoves or 0)
    assert found.board.fullmove_number == (number or 1)


@pytest.mark.parametrize(
    ("text", "fen", "mended"),
    [
        ("4k3/8/8/8/8/8/8/R3K3 w KQkq - 0 1", "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", [CASTLING]),
        ("4k3/8/8/8/8/8/8/R5K1 w KQkq - 0 1", "4k3/8/8/8/8/8/8/R5K1 w - - 0 1", [CASTLING]),
        ("4k3/8/8/8/8/8/8/R3K3 w Q e3 0 1", "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", [EN_PASSANT]),
        ("r3k2r/8/8/8/8/8/8/R3K2R b kqKQ - 0 1", "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", []),
        ("r3k2r/8/8/8/8/8/8/R3K2R W HAha – 0 1", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", []),
        ("4k3/8/8/44/8/8/8/K61 w - - 0 1", "4k3/8/8/8/8/8/8/K7 w - - 0 1", []),
    ],
)
def test_what_the_pieces_rule_out_is_mended_and_named(text, fen, mended):
    found = read_fen(text)
    assert (found.board.fen(), list(found.mended)) == (fen, mended)
    assert not faults_of(found.board)
    assert found.board.is_valid()


def test_chess960_is_told_from_impossible_castling():
    found = read_fen("1rk2r2/8/8/8/8/8/8/1RK2R2 w FBfb - 0 1")
    assert (found.chess960, found.mended) == (True, ())
    assert found.board.castling_rights == chess.BB_B1 | chess.BB_F1 | chess.BB_B8 | chess.BB_F8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a FEN of 4 to 6 fields, found 0"),
        ("8/8/8/8/8/1k6/1p6/K7 w -", "expected a FEN of 4 to 6 fields, found 3"),
        ("8/8/8/8/8/1k6/1p6/K7 x - - 0 1", "expected w or b to move, found 'x'"),
        ("8/8/8/8/8/1k6/1p6/K7 w XYZ - 0 1", "expected castling rights such as KQkq, found 'XYZ'"),
        ("8/8/8/8/8/1k6/1p6/K7 w - e9 0 1", "expected an en passant square or -, found 'e9'"),
        ("8/8/8/8/8/1k6/1p6/K7 w - - -3 1", "expected clocks of 0 to 65535, found -3"),
        (f"8/8/8/8/8/1k6/1p6/K7 w - - {'9' * 5000} 1", "expected clocks of 0 to 65535"),
        ("8/8/8/8/8/1k6/1p6/K8 w - - 0 1", "K8"),
        ("8/8/8/8/8/1k6/1p6 w - - 0 1", "expected 8 rows"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        read_fen(text)


def test_faults_are_named():
    assert faults_of(chess.Board("8/8/8/8/8/8/8/8 w - - 0 1")).startswith("no white king")
    assert faults_of(chess.Board("4k3/4R3/8/8/8/8/8/4K3 w - - 0 1")) == "opposite check"
    assert faults_of(chess.Board("4k3/8/8/8/PPPPPPPP/PPPPPPPP/8/4K3 w - - 0 1")) == ""


def test_reading_a_position_is_light():
    code = "import sys, data_pipeline.sources.fen; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "apache_beam", "bagz", "zstandard", "jax"} & set(found.stdout.split())
