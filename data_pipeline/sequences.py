"""Positions with their moves -> the reference's sequences: 77 FEN tokens, then a move."""

from collections.abc import Sequence
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.actions import action_of
from data_pipeline.tokens import SEQUENCE_LENGTH, tokenize

MAX_MOVE_NUMBER = 999
"""What three tokens hold; games and composed positions with higher numbers are given this one."""


class SequenceInputs(NamedTuple):
    """B positions with M moves each; every pair of them stands for one sequence."""

    boards: np.ndarray  # [B, 77] uint8: the tokens of the FEN
    actions: np.ndarray  # [B, M] uint16: action ids


def make_sequences(
    boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]], max_moves: int
) -> SequenceInputs:
    """Boards and their moves (at most ``max_moves`` each) -> arrays, padded with zeros."""
    inputs = empty_sequences(len(boards), max_moves)
    for row, (board, legal) in enumerate(zip(boards, moves, strict=True)):
        inputs.boards[row] = tokens_of(board)
        inputs.actions[row, : len(legal)] = [action_of(move) for move in legal]
    return inputs


def pairs(boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]) -> SequenceInputs:
    """Every move of every board as a position of its own with one move: B = all moves, M = 1."""
    tokens = np.stack([tokens_of(board) for board in boards])
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


def tokens_of(board: chess.Board) -> np.ndarray:
    """[77] uint8: the tokens of a board, its clocks no higher than tokens can say."""
    fields = board.fen().split(" ")
    clocks = (str(min(int(number), MAX_MOVE_NUMBER)) for number in fields[4:])
    return tokenize(" ".join((*fields[:4], *clocks)))
