"""Puzzles: reading good and bad lines, solving side by side, what counts as solved, the curve."""

import random
from dataclasses import dataclass

import chess
import numpy as np
import pytest
import zstandard

from data_pipeline.common.errors import InputError
from engine.measure.puzzle_summary import fit_curve, summary
from engine.measure.puzzles import Attempt, Puzzle, parse_puzzle, read_puzzles, solve
from tests.helpers.paths import FIXTURES

HEADER = "PuzzleId,FEN,Moves,Rating,Themes\n"
BACK_RANK = "6k1/5ppp/8/8/1p6/7P/5PP1/R3R1K1 b - - 0 1"  # Black moves, then Re8 or Ra8 mates
LONG = "8/8/4k1p1/2KpP2p/5PP1/8/8/8 w - - 0 53"
LONG_MOVES = "g4h5 g6h5 f4f5 e6e5 f5f6 e5f6"
GOOD = f"b1,{BACK_RANK},b4b3 e1e8,900,mate mateIn1\nl1,{LONG},{LONG_MOVES},1556,endgame\n"


@dataclass(frozen=True)
class Ranked:
    moves: tuple[chess.Move, ...]


class Scripted:
    """Answers with a given move per position, else with the first legal one; counts the calls."""

    def __init__(self, answers=()):
        self.answers, self.batches = dict(answers), []

    def analyse_many(self, boards):
        self.batches.append(len(boards))
        return [Ranked((self.answer(board),)) for board in boards]

    def answer(self, board: chess.Board) -> chess.Move:
        given = self.answers.get(board.epd())
        return chess.Move.from_uci(given) if given else next(iter(board.legal_moves))


def knowing(puzzles, right=lambda puzzle, step: True) -> Scripted:
    """A solver that knows the solutions, except where ``right`` says no."""
    answers = {}
    for puzzle in puzzles:
        board = chess.Board(puzzle.fen)
        for step, move in enumerate(puzzle.moves):
            if step % 2 and right(puzzle, step // 2):
                answers[board.epd()] = move.uci()
            elif step % 2:
                other = next(m for m in board.legal_moves if m != move)
                answers[board.epd()] = other.uci()
            board.push(move)
    return Scripted(answers)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "puzzles.csv"
    path.write_text(HEADER + GOOD)
    return path


def test_reads_plain_compressed_and_headerless(file, tmp_path):
    puzzles, bad = read_puzzles([file])
    assert [p.name for p in puzzles] == ["b1", "l1"] and not bad
    assert puzzles[0].themes == ("mate", "mateIn1") and puzzles[1].rating == 1556
    packed = tmp_path / "puzzles.csv.zst"
    dump = f"b1,{BACK_RANK},b4b3 e1e8,900,80,90,1000,mate,https://lichess.org/x,\n"
    packed.write_bytes(zstandard.compress(dump.encode()))
    (puzzle,), _ = read_puzzles([packed])
    assert puzzle.themes == ("mate",) and puzzle.rating == 900
    assert len(read_puzzles([file, packed])[0]) == 3
    assert len(read_puzzles([file, packed], limit=1)[0]) == 1


def test_mates_are_told_by_their_length_where_a_file_has_no_themes(file):
    rows = [line.rsplit(",", 1)[0] for line in (HEADER + GOOD).splitlines()]
    file.write_text("\n".join(rows))
    assert [puzzle.themes for puzzle in read_puzzles([file])[0]] == [("mateIn1",), ()]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,not a fen,e2e4 e7e5,1500,", "FEN"),
        (f"x,{BACK_RANK},b4b3 e1e9,1500,", "e1e9"),
        (f"x,{BACK_RANK},b4b3 g1g8,1500,", "illegal"),
        (f"x,{BACK_RANK},b4b3,1500,", "solver's last"),
        (f"x,{BACK_RANK},,1500,", "no Moves"),
        (f"x,{BACK_RANK},b4b3 e1e8,high,", "'high'"),
        (f"x,{BACK_RANK},b4b3 e1e8,²,", "whole number as Rating"),
        (f"x,{BACK_RANK},b4b3 e1e8,{'9' * 5000},", "whole number as Rating"),
        ("x,8/8/8/8/8/8/8/8 w - - 0 1,b4b3 e1e8,1500,", "illegal position"),
        ("only a name", "no FEN"),
    ],
)
def test_bad_lines_are_named_with_their_number(file, line, reason):
    file.write_text(HEADER + GOOD + line + "\n" + GOOD)
    puzzles, (bad,) = read_puzzles([file])
    assert len(puzzles) == 4
    assert (bad.file, bad.line) == (str(file), 4) and reason in bad.reason


def test_a_file_without_puzzles_is_an_input_error(file):
    file.write_text("nothing,to,see,here\n")
    with pytest.raises(InputError, match="found none"):
        read_puzzles([file])
    with pytest.raises(InputError, match=r"absent\.csv"):
        read_puzzles([file.with_name("absent.csv")])


def test_the_whole_solution_counts(file):
    puzzles, _ = read_puzzles([file])
    attempts, positions = solve(puzzles, knowing(puzzles))
    assert all(a.solved and a.found == a.needed for a in attempts)
    assert positions == 1 + 3
    attempts, _ = solve(puzzles, knowing(puzzles, lambda puzzle, step: step < 2))
    assert [a.solved for a in attempts] == [True, False]
    assert (attempts[1].found, attempts[1].needed) == (2, 3)


def test_any_mate_in_one_is_accepted(file):
    puzzles, _ = read_puzzles([file])
    board = chess.Board(BACK_RANK)
    board.push_uci("b4b3")
    attempts, _ = solve(puzzles[:1], Scripted({board.epd(): "a1a8"}))
    assert attempts[0].solved


def test_chunks_and_order_change_nothing(file):
    puzzles = read_puzzles([file])[0] * 10
    random.Random(0).shuffle(puzzles)
    solver = knowing(puzzles, lambda puzzle, step: step < 2)
    whole, positions = solve(puzzles, solver)
    assert solver.batches == [20, 10, 10]
    chunked, chunked_positions = solve(puzzles, solver, chunk=7)
    assert whole == chunked and positions == chunked_positions == 40
    assert [a.puzzle for a in whole] == puzzles


def attempt(rating: int, solved: bool, themes=()) -> Attempt:
    move = chess.Move.from_uci("e2e4")
    return Attempt(Puzzle("", chess.STARTING_FEN, (move,) * 2, rating, themes), solved, solved, 1)


def test_summary_has_bands_themes_and_intervals():
    attempts = [attempt(1399, True, ("fork",)), attempt(1400, False, ("pin", "fork"))] * 5
    figures = summary(attempts)
    assert (figures["total"], figures["solved"], figures["solve_rate"]) == (10, 5, 0.5)
    low, high = figures["interval_95"]
    assert low == pytest.approx(0.2366, abs=1e-4) and high == pytest.approx(0.7634, abs=1e-4)
    bands = [(b["from"], b["to"], b["total"], b["solved"]) for b in figures["bands"]]
    assert bands == [(1200, 1400, 5, 5), (1400, 1600, 5, 0)]
    assert figures["themes"]["fork"]["total"] == 10 and figures["themes"]["pin"]["solved"] == 0


def test_planted_puzzle_rating_is_covered():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(40):
        ratings = rng.normal(1500, 500, 400)
        solved = rng.random(400) < 1 / (1 + np.exp((ratings - 1300) / 250))
        curve = fit_curve(ratings.tolist(), solved.tolist())
        assert curve is not None
        covered += curve.interval_95[0] <= 1300 <= curve.interval_95[1]
        assert curve.rate(curve.rating) == pytest.approx(0.5)
    assert covered >= 36


def test_no_curve_where_none_fits():
    assert fit_curve([1000, 1200], [True, True]) is None
    assert fit_curve([1000, 1500] * 50, [False, True] * 50) is None
    assert fit_curve([900, 1556], [True, False]) is None  # any rating in between fits as well


def test_a_row_of_the_dump():
    row = {"PuzzleId": "p", "FEN": LONG, "Moves": LONG_MOVES, "Rating": "1556"}
    assert len(parse_puzzle(row).moves) == 6


def test_a_game_before_the_puzzle_is_kept(tmp_path):
    """The reference's file has a game in place of the position."""
    game = "1. f3 e5 2. a3 d6"
    (tmp_path / "p.csv").write_text(
        f"PuzzleId,Rating,PGN,Moves\nm,700,{game},g2g4 d8h4\nx,700,1. Nf6,g2g4 d8h4\n"
    )
    (puzzle,), (bad,) = read_puzzles([tmp_path / "p.csv"])
    assert [move.uci() for move in puzzle.game] == ["f2f3", "e7e5", "a2a3", "d7d6"]
    assert puzzle.board().fen() == puzzle.fen and len(puzzle.board().move_stack) == 4
    assert "as PGN" in bad.reason
    attempts, _ = solve([puzzle], knowing([puzzle]))
    assert attempts[0].solved


def test_null_moves_and_endless_fields_are_bad_lines(file):
    file.write_text(GOOD)
    _, bad = read_puzzles([FIXTURES / "cases" / "null-puzzle.csv", file])
    assert [line.line for line in bad] == [2, 3, 4]
    assert all("null move" in line.reason for line in bad)
    file.write_text(HEADER + GOOD + "x" * 3_000_000 + "\n" + GOOD)
    puzzles, (line,) = read_puzzles([file])
    assert len(puzzles) == 4
    assert (line.line, line.reason) == (4, "a line of more than 1048576 bytes")
    file.write_text(HEADER + GOOD + "x" * 200_000 + "\n" + GOOD)
    puzzles, (line,) = read_puzzles([file])
    assert len(puzzles) == 4 and line.line == 4
    file.write_bytes(b"\xef\xbb\xbf" + (HEADER + GOOD).encode())
    assert len(read_puzzles([file])[0]) == 2
