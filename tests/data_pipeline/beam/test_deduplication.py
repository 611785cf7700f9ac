"""What becomes of several records of one position, in any order."""

import itertools

import chess
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.beam.deduplication import deduplicate
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import position_hash
from data_pipeline.dataset.merging import BEHIND_CP
from data_pipeline.dataset.records import make_record
from data_pipeline.encoding.actions import ACTIONS

BOARD = chess.Board("7k/8/6K1/8/8/8/8/1R6 b - - 0 1")
MOVES = {"h8g8": 5, "a2a3": 9}


def keyed(board=BOARD, scores=(("h8g8", 5),), split="", **fields):
    actions = np.array([ACTIONS[move] for move, _ in scores], np.uint16)
    values = np.array([score for _, score in scores], np.int32)
    record = make_record(board, actions, values, **({"complete": False} | fields))
    return position_hash(board), records.encode(record), split


def settled(*entries):
    (only,), dropped = deduplicate(entries)
    assert dropped == len(entries) - 1
    return records.decode(only[1]), only[2]


def test_the_deeper_annotation_wins_whatever_the_order():
    entries = [
        keyed(scores=(("h8g8", 50),), depth=9),
        keyed(scores=(("h8g8", 40),), depth=20),
        keyed(scores=(("h8g8", 30),), depth=5, complete=True),
    ]
    for order in itertools.permutations(entries):
        record, _ = settled(*order)
        assert (record.depth, record.scores.tolist()) == (20, [40])


def test_moves_of_the_same_depth_are_put_together():
    start = chess.Board()
    names = [move.uci() for move in start.legal_moves]
    entries = [keyed(start, ((name, score),)) for score, name in enumerate(names)]
    entries.append(keyed(start, ((names[0], 7),), depth=3))
    for order in (entries[:-1], entries[-2::-1]):
        record, _ = settled(*order)
        assert record.complete
        assert record.scores.tolist() == sorted(range(20), reverse=True)
    record, _ = settled(*entries)
    assert (record.depth, record.shallow_depth, record.deep_moves) == (3, 0, 1)
    assert record.scores.tolist() == [7] + [7 - BEHIND_CP] * 19


def test_what_the_winner_lacks_comes_from_the_others():
    timed = BOARD.copy()
    timed.fullmove_number, timed.halfmove_clock = 40, 7
    entries = [
        keyed(depth=5),
        keyed(timed, (), clocks=True, state_score=-3),
        keyed(scores=(), played=ACTIONS["h8g8"]),
    ]
    for order in itertools.permutations(entries):
        record, _ = settled(*order)
        assert (record.depth, record.state_score, record.played) == (5, -3, ACTIONS["h8g8"])
        assert (record.board.fullmove_number, record.board.halfmove_clock) == (40, 7)


def test_the_test_split_comes_before_the_others():
    for names in itertools.permutations(("test", "train", "validation", "")):
        assert settled(*(keyed(split=name) for name in names))[1] == "test"
        held = [name for name in names if name != "test"]
        assert settled(*(keyed(split=name) for name in held))[1] == "validation"


def test_a_split_given_by_hand_stays():
    for order in itertools.permutations([keyed(), keyed(split="test"), keyed()]):
        assert settled(*order)[1] == "test"


@given(st.permutations(range(6)))
def test_the_order_of_the_input_does_not_matter(order):
    boards = [chess.Board(), BOARD]
    entries = [
        keyed(boards[0], (("e2e4", 10), ("d2d4", 20))),
        keyed(boards[0], (("e2e4", 15),)),
        keyed(boards[0], (("g1f3", 5),), state_score=3),
        keyed(depth=4),
        keyed(depth=4, scores=(("h8g8", 6),)),
        keyed(scores=(), state_score=1, split="validation"),
    ]
    expected = deduplicate(entries)
    assert deduplicate(entries[i] for i in order) == expected
    assert [key for key, _, _ in expected[0]] == sorted(map(position_hash, boards))
