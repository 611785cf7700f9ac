"""What a network learns of whole positions: what each is worth, or which move was played in it.

A position is worth its own score or, without one, that of its best move where all are scored; the
move is the one played or, without one, the best where all are scored. (What it learns of moves is
in `batches` and `sequences`.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_inputs
from data_pipeline.batches.sequence_batches import SequenceInputs, make_sequences
from data_pipeline.dataset.records import PositionRecord, choice, state_score
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.values import win_probability


class StateBatch(NamedTuple):
    """B positions, without moves."""

    inputs: Inputs | SequenceInputs
    win_probs: np.ndarray  # [B] float32: the teacher's, of the side to move


class ChoiceBatch(NamedTuple):
    """B positions; of the moves of each the first was played."""

    inputs: Inputs | SequenceInputs
    """All legal moves in the layout `board`, the one played in the layout `sequence`."""


def make_state_batch(records: Sequence[PositionRecord], sequences: bool) -> StateBatch:
    """Records -> a batch, as sequences or for the layout `board`; raises ValueError where one does
    not say what its position is worth."""
    boards = [record.board for record in records]
    scores = [_known(state_score(record)) for record in records]
    make = make_sequences if sequences else make_inputs
    win_probs = win_probability(scores).astype(np.float32)
    return StateBatch(make(boards, [()] * len(boards), 0), win_probs)


def make_choice_batch(
    records: Sequence[PositionRecord], sequences: bool, max_moves: int
) -> ChoiceBatch:
    """Records -> a batch, as sequences or for the layout `board`; raises ValueError where one does
    not say which move to learn. Of more than ``max_moves`` legal moves some others are left out."""
    boards = [record.board for record in records]
    played = [CHESS_MOVES[_known(choice(record))] for record in records]
    if sequences:
        return ChoiceBatch(make_sequences(boards, [(move,) for move in played], 1))
    moves = [
        [move, *(other for other in board.legal_moves if other != move)][:max_moves]
        for board, move in zip(boards, played, strict=True)
    ]
    return ChoiceBatch(make_inputs(boards, moves, max_moves))


def _known(number: int | None) -> int:
    if number is None:
        raise ValueError(
            "expected a record that says what is to be learned, found one that does not"
        )
    return number
