"""Positions with their moves -> sequences as in Ruoss et al. 2024: 77 FEN tokens, then a move."""

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
"""The most that three tokens can encode; higher counters are clipped to this."""


class SequenceInputs(NamedTuple):
    """B positions with M moves each; every pair of a position and a move is one sequence."""

    boards: np.ndarray  # [B, 77] uint8: the tokens of the FEN
    actions: np.ndarray  # [B, M] uint16: action ids

    @property
    def mask(self) -> np.ndarray:
        """[B, M] bool: True everywhere, since there is no padding."""
        return np.ones(self.actions.shape, bool)


def make_sequences(
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
    max_moves: int,
    clocks: bool = True,
) -> SequenceInputs:
    """Boards and their moves (at most ``max_moves`` each) -> arrays, padded with zeros.

    Without ``clocks`` all boards get those of a new game.
    """
    inputs = empty_sequences(len(boards), max_moves)
    for row, (board, legal) in enumerate(zip(boards, moves, strict=True)):
        inputs.boards[row] = tokens_of(board, clocks)
        inputs.actions[row, : len(legal)] = [action_of(move) for move in legal]
    return inputs


def make_sequence_batch(records: Sequence[PositionRecord], indices: Sequence[int]) -> Batch:
    """The move with this index of each record -> a batch; ``targets``: [B, 1] float32, the
    teacher's win probability."""
    rows = list(zip(records, indices, strict=True))
    inputs = SequenceInputs(
        np.stack([tokens_of(record.board) for record in records]),
        np.array([[record.actions[index]] for record, index in rows], np.uint16),
    )
    scores = np.array([[record.scores[index]] for record, index in rows])
    return Batch(inputs, win_probability(scores).astype(np.float32))


def pairs(
    boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]], clocks: bool = True
) -> SequenceInputs:
    """A row for every move of every board: B is the number of all moves, M = 1."""
    tokens = np.stack([tokens_of(board, clocks) for board in boards])
    actions = [action_of(move) for legal in moves for move in legal]
    return SequenceInputs(
        np.repeat(tokens, [len(legal) for legal in moves], axis=0),
        np.array(actions, np.uint16)[:, None],
    )


def empty_sequences(positions: int, max_moves: int) -> SequenceInputs:
    """Inputs of zeros, with the shapes and types of `SequenceInputs`."""
    return SequenceInputs(
        np.zeros((positions, SEQUENCE_LENGTH), np.uint8),
        np.zeros((positions, max_moves), np.uint16),
    )


def tokens_of(board: chess.Board, clocks: bool = True) -> np.ndarray:
    """[77] uint8: the tokens of a board, with its clocks clipped to what tokens can encode.

    Without ``clocks`` they are those of a new game, as in records with unknown clocks.
    """
    fields = board.fen().split(" ")
    numbers = (int(number) for number in (fields[4:] if clocks else ("0", "1")))
    return tokenize(" ".join((*fields[:4], *(str(min(n, MAX_MOVE_NUMBER)) for n in numbers))))
