"""What the figures of the README are measured on is whole, and as its page says."""

import chess

from data_pipeline.dataset.dataset import Dataset, position_hash
from data_pipeline.dataset.records import decode
from engine.match.openings import read_openings
from engine.measure.puzzles import read_puzzles
from tests.helpers.paths import ROOT

DATA = ROOT / "benchmarks/data"
PAGE = (DATA / "README.md").read_text()


def test_the_puzzles_are_valid():
    puzzles, bad = read_puzzles([DATA / "lichess-5000.csv"])
    assert not bad
    assert len({puzzle.board().epd() for puzzle in puzzles}) == len(puzzles)
    mean = sum(puzzle.rating for puzzle in puzzles) / len(puzzles)
    assert f"{len(puzzles):,} puzzles" in PAGE
    assert f"mean rating {mean:.0f}" in PAGE


def test_the_openings_differ_and_have_white_to_move():
    openings = [chess.Board(fen) for fen in read_openings(DATA / "three-move-500.epd")]
    assert len({board.epd() for board in openings}) == 500
    assert {(board.turn, board.fullmove_number) for board in openings} == {(chess.WHITE, 4)}


def test_every_move_of_the_test_positions_is_scored():
    keys = []
    for depth in (5, 10):
        data = Dataset(DATA / f"test-depth-{depth}")
        assert data.verify()
        assert (data.size("train"), data.size("validation")) == (0, 0)
        records = [decode(record) for record in data.records("test")]
        assert all(len(r.actions) == r.board.legal_moves.count() for r in records)
        assert f"{len(records):,}" in PAGE
        keys.append({position_hash(record.board) for record in records})
        assert len(keys[-1]) == len(records)
    assert keys[1] < keys[0]
