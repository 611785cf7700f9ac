"""The bytes of a position record: round trips over random games, size, speed-free goldens."""

import chess
import numpy as np
import pytest

from data_pipeline.dataset.records import decode, encode, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.encoding.values import MATE, win_probability
from data_pipeline.sources.entries import parse_fen
from tests.helpers.random_chess import ODD_POSITIONS, random_boards, random_record


def assert_equal(a, b):
    assert a.board.fen() == b.board.fen()
    assert a.board.castling_rights == b.board.castling_rights
    np.testing.assert_array_equal(a.actions, b.actions)
    np.testing.assert_array_equal(a.scores, b.scores)
    assert (a.actions.dtype, a.scores.dtype) == (b.actions.dtype, b.scores.dtype)
    assert (a.depth, a.complete, a.clocks) == (b.depth, b.complete, b.clocks)


def test_round_trip_over_random_games():
    rng = np.random.default_rng(0)
    for board in random_boards(seed=3):
        record = random_record(board, rng, depth=int(rng.integers(256)), clocks=True)
        data = encode(record)
        assert_equal(decode(data), record)
        assert encode(decode(data)) == data


def test_without_clocks_and_with_some_moves_missing():
    board = chess.Board("r3k2r/8/8/8/8/8/8/R3K2R b Kq - 31 44")
    actions = np.array([ACTIONS["e8c8"], ACTIONS["a8a1"]], np.uint16)
    record = make_record(board, actions, np.array([5, 7]), complete=False)
    read = decode(encode(record))
    assert read.board.fen() == "r3k2r/8/8/8/8/8/8/R3K2R b Kq - 0 1"
    assert not read.complete
    assert read.actions.tolist() == actions[::-1].tolist()


def test_order_best_first_then_by_action():
    board = chess.Board()
    record = make_record(board, np.array([9, 3, 7], np.uint16), np.array([10, 10, MATE - 3]))
    assert record.actions.tolist() == [7, 3, 9]
    assert record.scores.tolist() == [MATE - 3, 10, 10]
    np.testing.assert_array_equal(record.win_probs, win_probability(record.scores))


def test_en_passant_only_where_it_is_legal():
    for fen, kept in ((ODD_POSITIONS[3], chess.F6), (ODD_POSITIONS[4], None)):
        record = random_record(chess.Board(fen), np.random.default_rng(1))
        assert decode(encode(record)).board.ep_square == kept


def test_golden_bytes():
    board = chess.Board("8/8/8/8/8/1k6/1p6/K7 w - - 3 70")
    record = make_record(
        board, np.array([ACTIONS["a1b1"]], np.uint16), np.array([-300]), depth=5, clocks=True
    )
    assert encode(record).hex(" ") == (
        "06 00 ff 05 01 02 02 00 00 00 00 00 96 0e 03 46 00 00 00 01 00 00 d4 fe"
    )


def test_cut_short_or_not_a_record():
    data = encode(random_record(chess.Board(), np.random.default_rng(2)))
    for length in range(len(data)):
        with pytest.raises(ValueError, match="expected a position record"):
            decode(data[:length])


def test_the_half_move_clock_may_be_known_by_itself():
    board, clocks = parse_fen("8/8/8/4k3/8/1Q6/1P6/K7 w - - hmvc 95;")
    none = np.zeros(0, np.uint16)
    record = decode(encode(make_record(board, none, none, clocks=clocks)))
    assert (record.board.halfmove_clock, record.clocks, record.ply) == (95, True, None)
    board.fullmove_number = 70_000
    record = decode(encode(make_record(board, none, none, clocks=True)))
    assert record.board.fullmove_number == 65_535
