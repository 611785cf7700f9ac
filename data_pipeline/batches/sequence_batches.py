"""Positions with their moves -> the reference's sequences: 77 FEN tokens, then a move."""

from collections.abc import Sequence
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.batches.batch import Batch
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import action_of
from data_pipeline.encoding.tokens import SEQUENCE_LENGTH, tokenize
from data_pipeline.encoding.values import win_probability

MAX_MOVE_NUMBER = 999
"""What three tokens hold; games and composed positions with higher numbers are given this one."""


class SequenceInputs(NamedTuple):
    """B positions with M moves each; every pair of them stands for one sequence."""

    boards: np.ndarray  # [B, 77] uint8: the tokens of the FEN
    actions: np.ndarray  # [B, M] uint16: action ids

    @property
    def mask(self) -> np.ndarray:
        """[B, M] bool: where there is a move, which is everywhere."""
        return np.ones(self.actions.shape, bool)


def make_sequences(
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
    max_moves: int,
    clocks: bool = True,
) -> SequenceInputs:
    """Boards and their moves (at most ``max_moves`` each) -> arrays, padded with zeros.

    Without ``clocks`` all boards have those of a new game.
    """
    inputs = empty_sequences(len(boards), max_moves)
    for row, (board, legal) in enumerate(zip(boards, moves, strict=True)):
        inputs.boards[row] = tokens_of(board, clocks)
        inputs.actions[row, : len(legal)] = [action_of(move) for move in legal]
    return inputs


def make_sequence_batch(records: Sequence[PositionRecord], numbers: Sequence[int]) -> Batch:
    """Of each record the move with this number -> a batch; ``targets``: [B, 1] float32, the
    teacher's win probability."""
    rows = list(zip(records, numbers, strict=True))
    inputs = SequenceInputs(
        np.stack([tokens_of(record.board) for record in records]),
        np.array([[record.actions[number]] for record, number in rows], np.uint16),
    )
    scores = np.array([[record.scores[number]] for record, number in rows])
    return Batch(inputs, win_probability(scores).astype(np.float32))


def pairs(
    boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]], clocks: bool = True
) -> SequenceInputs:
    """Every move of every board as a position of its own with one move: B = all moves, M = 1."""
    tokens = np.stack([tokens_of(board, clocks) for board in boards])
    actions = [action_of(move) for legal in moves for move in legal]
    return SequenceInputs(
        np.repeat(tokens, [len(legal) for legal in moves], axis=0),
        np.array(actions, np.uint16)[:, None],
    )


def empty_sequences(positions: int, max_moves: int) -> SequenceInputs:
    """All zeros, of the shapes and types of `SequenceInputs`."""
    return SequenceInputs(
        np.zeros((positions, SEQUENCE_LENGTH), np.uint8),
        np.zeros((positions, max_moves), np.uint16),
    )


def tokens_of(board: chess.Board, clocks: bool = True) -> np.ndarray:
    """[77] uint8: the tokens of a board, its clocks no higher than tokens can say.

    Without ``clocks`` they are those of a new game, as a record's are that does not know them.
    """
    fields = board.fen().split(" ")
    numbers = (int(number) for number in (fields[4:] if clocks else ("0", "1")))
    return tokenize(" ".join((*fields[:4], *(str(min(n, MAX_MOVE_NUMBER)) for n in numbers))))
