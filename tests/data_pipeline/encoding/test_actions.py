"""The 1968 actions: equal to the reference's, in both directions, enough for every legal move."""

import json

import chess
import pytest

from data_pipeline.encoding.actions import ACTIONS, MOVES, NUM_ACTIONS, action_of, move_of
from tests.helpers.paths import FIXTURES
from tests.helpers.random_chess import random_boards

GOLDEN = FIXTURES / "reference/actions.json"


def test_equal_to_the_reference():
    assert list(MOVES) == json.loads(GOLDEN.read_text())
    assert len(MOVES) == len(ACTIONS) == NUM_ACTIONS


def test_round_trip():
    for action in range(NUM_ACTIONS):
        assert action_of(move_of(action)) == action


def test_every_legal_move_has_one():
    for board in random_boards(seed=2):
        for move in board.legal_moves:
            assert move_of(action_of(move)) == move


def test_a_null_move_has_none():
    with pytest.raises(KeyError):
        action_of(chess.Move.null())
