"""Annotation by a real Stockfish, and by a program that misbehaves in every way an engine can."""

import chess
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import MATE, mate_in_moves
from data_pipeline.sources.entries import parse_fen, unscored
from data_pipeline.teachers.options import EngineConfig, Limit
from data_pipeline.teachers.stockfish import EngineFailed, Stockfish, parse_scores
from tests.helpers.faulty_engine import FAULTS, ONE_MOVE, dies_once, faulty

FENS = [
    chess.STARTING_FEN,
    "7k/8/6K1/8/8/8/8/1R6 w - - 0 40",  # mate in one
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R b KQkq - 0 1",
    "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1",  # 218 moves
    "8/1P6/8/8/8/k7/8/K7 w - - 0 1",  # promotions
]


def record(fen: str):
    return unscored(parse_fen(fen)[0], clocks=True)


def config(path: str, limit: Limit | None = None, **options) -> EngineConfig:
    return EngineConfig(path, limit or Limit(depth=4), **options)


def test_all_moves_of_odd_positions(stockfish_path):
    with Stockfish(config(stockfish_path)) as engine:
        assert "Stockfish" in engine.name
        for fen in FENS:
            scored = engine.annotate(record(fen))
            assert scored.complete and scored.clocks and scored.depth == 4
            assert len(scored.actions) == scored.board.legal_moves.count()
            assert scored.board.fen() == chess.Board(fen).fen()
        mate = engine.annotate(record(FENS[1]))
        assert mate.scores[0] == MATE - 1
        assert mate_in_moves(int(mate.scores[0])) == 1
        assert engine.restarts == 0


@pytest.mark.parametrize("limit", [Limit(depth=4), Limit(nodes=3000)], ids=str)
def test_scores_depend_on_the_position_alone(stockfish_path, limit):
    with Stockfish(config(stockfish_path, limit)) as engine:
        first = [engine.annotate(record(fen)) for fen in FENS]
        again = [engine.annotate(record(fen)) for fen in FENS[::-1]][::-1]
    for a, b in zip(first, again, strict=True):
        few = limit.nodes and a.board.legal_moves.count() > 200  # too short for so many
        assert a.complete == (not few)
        assert a.scores.tolist() == b.scores.tolist()
        assert a.actions.tolist() == b.actions.tolist()


def test_a_limit_in_time_and_options(stockfish_path):
    quick = config(stockfish_path, Limit(seconds=0.02), options={"Hash": "1"}, clear_hash=False)
    with Stockfish(quick) as engine:
        assert engine.annotate(record(FENS[0])).complete
    for options, said in (
        ({"Haash": "1"}, r"expected an option of Stockfish .*, found 'Haash'; Hash\?"),
        ({"Hash": "lots"}, r"of 1 to \d+ for the option Hash of Stockfish .*, found 'lots'"),
    ):
        with pytest.raises(InputError, match=said):
            Stockfish(config(stockfish_path, options=options))


def test_limits_are_checked():
    for wrong in ((None, None, None), (0, None, None), (3, 5, None), (None, None, -1.0)):
        with pytest.raises(InputError, match=r"expected (one limit|depth|seconds) "):
            Limit(*wrong)


def test_the_last_word_on_each_move_counts():
    output = b"""
info string NNUE evaluation using nn.nnue enabled
info depth 1 seldepth 1 multipv 1 score cp 10 nodes 20 nps 2 time 1 pv e2e4
info depth 2 currmove e2e4 currmovenumber 1
info depth 2 seldepth 2 multipv 1 score cp 99 lowerbound nodes 40 nps 2 time 1 pv e2e4
info depth 2 seldepth 2 multipv 1 score cp -31500 nodes 40 nps 2 time 1 pv e2e4 e7e5
info depth 2 seldepth 2 multipv 2 score mate -3 nodes 40 nps 2 time 1 pv e7e8q
bestmove e2e4 ponder e7e5
"""
    assert parse_scores(output) == {"e2e4": (-31_000, 2), "e7e8q": (-31_997, 2)}


@pytest.mark.parametrize("kind", FAULTS)
def test_one_fault_costs_a_restart(tmp_path, kind):
    with Stockfish(faulty(tmp_path, kind, faults=1)) as engine:
        assert engine.annotate(record(ONE_MOVE)).scores.tolist() == [5]
        assert engine.restarts == 1


@pytest.mark.parametrize("kind", FAULTS)
def test_two_faults_cost_the_position(tmp_path, kind):
    with Stockfish(faulty(tmp_path, kind, faults=2)) as engine:
        with pytest.raises(EngineFailed, match=FAULTS[kind][1]):
            engine.annotate(record(ONE_MOVE))
        assert engine.restarts == 2
        assert engine.annotate(record(ONE_MOVE)).scores.tolist() == [5]


def test_an_engine_that_dies_while_it_starts_is_tried_once_more(stockfish_path, tmp_path):
    program = dies_once(tmp_path, stockfish_path)
    with Stockfish(config(str(program))) as engine:
        assert "Stockfish" in engine.name


def test_a_path_that_is_no_engine(tmp_path, monkeypatch):
    monkeypatch.setattr("data_pipeline.teachers.stockfish._START_SECONDS", 3.0)
    for program, found in (
        (str(tmp_path / "missing"), "No such file"),
        (str(tmp_path), "Permission denied"),
        ("/bin/false", "found one that ended"),
        ("/bin/cat", "found one that said no 'uciok'"),
    ):
        with pytest.raises(InputError, match=f"expected a UCI engine at {program}.*{found}"):
            Stockfish(config(program))
