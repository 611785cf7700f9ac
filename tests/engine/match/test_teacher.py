"""The teacher as a player: it plays what its labels put first, and fails as other engines do."""

import chess
import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.records import make_record
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.teachers.options import EngineConfig, Limit, Stage
from data_pipeline.teachers.stockfish import Stockfish
from engine.match.player_specs import parse_spec
from engine.match.players import Roster, open_solver
from engine.match.teacher import TeacherPlayer, engine_config
from engine.match.uci_client import EngineFault
from tests.helpers.faulty_engine import ONE_MOVE, faulty

FENS = (
    chess.STARTING_FEN,
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R b KQkq - 0 1",
    "7k/8/6K1/8/8/8/8/1R6 w - - 0 40",
)


@pytest.mark.parametrize(
    ("text", "then"),
    [("teacher:depth=4", ()), ("teacher:depth=3,then=6x2", (Stage(Limit(depth=6), 2),))],
)
def test_it_plays_the_first_move_of_its_labels(stockfish_path, text, then):
    spec = parse_spec(f"{text},path={stockfish_path}")
    depth = spec.settings["depth"]
    with Stockfish(EngineConfig(stockfish_path, Limit(depth=depth), then=then)) as engine:
        nothing = np.zeros(0, np.int32)
        records = [make_record(chess.Board(fen), nothing, nothing, clocks=True) for fen in FENS]
        best = [CHESS_MOVES[engine.annotate(record).actions[0]] for record in records]
    with open_solver(spec) as (solver, name, _):
        assert name == spec.name
        assert [found.moves for found in solver.analyse_many(list(map(chess.Board, FENS)))] == [
            (move,) for move in best
        ]


def test_limits_and_options():
    assert engine_config(parse_spec("teacher:path=x")).limit == Limit(depth=5)
    config = engine_config(parse_spec("teacher:nodes=900,path=x,option.Hash=4"))
    assert (config.limit, config.options) == (Limit(nodes=900), {"Hash": "4"})
    with pytest.raises(InputError, match="depth 5 and nodes 9"):
        engine_config(parse_spec("teacher:depth=5,nodes=9,path=x"))


def test_an_engine_that_fails_twice_is_a_fault_of_the_game(tmp_path):
    program = faulty(tmp_path, "crash", faults=2).path
    player = TeacherPlayer(parse_spec(f"teacher:depth=3,path={program}"))
    try:
        with pytest.raises(EngineFault, match="ended before") as raised:
            player.play(chess.Board(ONE_MOVE))
        assert raised.value.kind == "crash"
        assert player.play(chess.Board(ONE_MOVE)) == chess.Move.from_uci("h8g8")
    finally:
        player.close()


def test_what_is_no_engine_is_named_before_the_match():
    with Roster([parse_spec("teacher:path=/bin/false")]) as roster, pytest.raises(InputError):
        roster.prepare()


def test_other_players_solve_too():
    with open_solver(parse_spec("random:seed=1")) as (solver, name, chunk):
        boards = [chess.Board(fen) for fen in FENS]
        answers = [found.moves[0] for found in solver.analyse_many(boards)]
    assert (name, chunk) == ("random", 1)
    assert all(board.is_legal(move) for board, move in zip(boards, answers, strict=True))
