"""Several searches of one position -> one score a move."""

import chess
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.dataset.columns import read_columns
from data_pipeline.dataset.merging import (
    BEHIND_CP,
    Search,
    behind,
    merge,
    searches_of,
    with_searches,
)
from data_pipeline.dataset.records import decode, encode, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.encoding.values import MATE, MAX_CENTIPAWNS, MAX_MATE_MOVES, mate_score

centipawns = st.integers(-MAX_CENTIPAWNS, MAX_CENTIPAWNS)
mates = st.integers(1, MAX_MATE_MOVES).flatmap(
    lambda moves: st.sampled_from([mate_score(moves), mate_score(-moves)])
)
scores = st.one_of(centipawns, mates)
ACTIONS_OF_START = [ACTIONS[move.uci()] for move in chess.Board().legal_moves]
searches = st.builds(
    Search,
    st.integers(1, 30),
    st.dictionaries(st.sampled_from(ACTIONS_OF_START), scores, min_size=1),
)


def is_a_score(score: int) -> bool:
    return abs(score) <= MAX_CENTIPAWNS or MATE - MAX_MATE_MOVES <= abs(score) < MATE


@given(scores)
def test_behind_is_worse_and_a_score(score):
    assert is_a_score(behind(score))
    assert behind(score) < score or score == 1 - MATE


@given(st.lists(searches, min_size=1, max_size=4))
def test_every_move_keeps_one_score_and_the_order_does_not_matter(given_searches):
    merged, named = merge(given_searches)
    assert merged.keys() == {move for search in given_searches for move in search.scores}
    assert all(map(is_a_score, merged.values()))
    assert 0 <= named <= len(merged)
    by_depth = {search.depth: search for search in given_searches}  # one a depth
    assert merge(list(by_depth.values())) == merge(list(by_depth.values())[::-1])


@given(searches, searches)
def test_what_a_deeper_search_named_stands_and_the_rest_comes_behind(shallow, deep):
    deep = Search(shallow.depth + 3, deep.scores)
    merged, named = merge([deep, shallow])
    assert {move: merged[move] for move in deep.scores} == deep.scores
    worst = min(deep.scores.values())
    for move in shallow.scores.keys() - deep.scores.keys():
        assert merged[move] == min(shallow.scores[move], behind(worst))
    if worst > 1 - MATE:
        assert named == len(deep.scores)


def test_the_shallow_best_searched_by_itself_stays_below_what_was_named():
    shallow = Search(5, {1: 50, 2: 40, 3: 30})
    deep = Search(10, {2: 20})
    for own, expected in ((-300, -300), (25, 20)):
        merged, _ = merge([shallow, deep, Search(10, {1: own}, restricted=True)])
        assert merged == {2: 20, 1: expected, 3: 20 - BEHIND_CP}


@given(st.lists(searches, min_size=1, max_size=3))
def test_records_say_how_deep_and_merging_again_changes_nothing(given_searches):
    empty = make_record(chess.Board(), np.zeros(0), np.zeros(0), complete=False)
    record = with_searches(empty, given_searches)
    data = encode(record)
    read = decode(data)
    assert encode(read) == data
    assert (read.depth, read.shallow_depth, read.deep_moves) == (
        record.depth,
        record.shallow_depth,
        record.deep_moves,
    )
    again = with_searches(read, searches_of(read))
    assert again.scores.tolist() == read.scores.tolist()
    columns = read_columns([data], 64)
    assert columns.scores.tolist() == read.scores.tolist()


def test_a_record_of_one_depth_has_no_stages():
    board = chess.Board()
    record = make_record(board, np.array(ACTIONS_OF_START), np.arange(20), depth=5)
    assert with_searches(record, searches_of(record)).shallow_depth is None
    assert searches_of(make_record(board, np.zeros(0), np.zeros(0))) == []


@pytest.mark.parametrize("margin", [1, 40])
def test_the_margin(margin):
    assert behind(10, margin) == 10 - margin
    assert behind(mate_score(3)) == mate_score(4)
    assert behind(mate_score(-3)) == mate_score(-2)
