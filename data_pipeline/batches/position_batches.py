"""Batches of whole positions, for any architecture: their values, or the moves played.

A position's value is its own score or, without one, that of its best move if all moves are scored.
The move is the one played or, if unknown, the best one if all moves are scored. (Batches of move
values are in `board_batches` and `sequence_batches`.)
"""

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from data_pipeline.batches.batch import Batch
from data_pipeline.dataset.records import PositionRecord, choice, state_score
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.values import win_probability

MakeInputs = Callable[..., Any]
"""(boards, moves of each, number of moves to pad to) -> the inputs of a network's architecture."""


def make_state_batch(records: Sequence[PositionRecord], make_inputs: MakeInputs) -> Batch:
    """Records -> a batch; ``targets``: [B] float32, the teacher's win probabilities. Raises
    ValueError for a record without a value."""
    boards = [record.board for record in records]
    scores = [_known(state_score(record)) for record in records]
    targets = win_probability(scores).astype(np.float32)
    return Batch(make_inputs(boards, [()] * len(boards), 0), targets)


def make_choice_batch(
    records: Sequence[PositionRecord], make_inputs: MakeInputs, max_moves: int
) -> Batch:
    """Records -> a batch; ``targets``: [B] int32, the index of the move played among the inputs'
    moves: always 0. Other legal moves follow, up to ``max_moves`` in total. Raises ValueError for a
    record without a move to learn."""
    boards = [record.board for record in records]
    played = [CHESS_MOVES[_known(choice(record))] for record in records]
    moves = []
    for board, move in zip(boards, played, strict=True):
        others = (other for other in board.legal_moves if other != move)
        moves.append(list(islice(chain((move,), others), max_moves)))
    return Batch(make_inputs(boards, moves, max_moves), np.zeros(len(boards), np.int32))


def _known(number: int | None) -> int:
    if number is None:
        raise ValueError("expected a record with a target to learn, found one without")
    return number
