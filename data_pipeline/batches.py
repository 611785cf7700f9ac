"""Positions with their moves -> arrays of fixed shapes, as the network takes them."""

from collections.abc import Sequence
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.actions import CHESS_MOVES
from data_pipeline.board import NUM_RELATIONS, NUM_STATE, board_features, move_features
from data_pipeline.records import PositionRecord


class Inputs(NamedTuple):
    """B positions with up to M moves each, from the side to move; see `board` for each field."""

    squares: np.ndarray  # [B, 64] uint8
    state: np.ndarray  # [B, NUM_STATE] uint8
    attacks: np.ndarray  # [B, 64, 8] uint8
    xrays: np.ndarray  # [B, 64, 8] uint8
    sources: np.ndarray  # [B, M] uint8
    targets: np.ndarray  # [B, M] uint8
    promotions: np.ndarray  # [B, M] uint8
    relations: np.ndarray  # [B, M, NUM_RELATIONS, 8] uint8
    mask: np.ndarray  # [B, M] bool: where there is a move


class Batch(NamedTuple):
    """What a training step takes."""

    inputs: Inputs
    win_probs: np.ndarray  # [B, M] float32: the teacher's, of the side to move; 0 where no move is


def make_inputs(
    boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]], max_moves: int
) -> Inputs:
    """Boards and their moves (at most ``max_moves`` each) -> arrays, padded with zeros."""
    inputs = empty_inputs(len(boards), max_moves)
    for row, (board, legal) in enumerate(zip(boards, moves, strict=True)):
        fill_row(inputs, row, board, legal)
    return inputs


def make_batch(records: Sequence[PositionRecord], max_moves: int) -> Batch:
    """Records -> a batch; of a position with more than ``max_moves`` moves, the best are kept."""
    inputs = empty_inputs(len(records), max_moves)
    win_probs = np.zeros((len(records), max_moves), np.float32)
    for row, record in enumerate(records):
        actions = record.actions[:max_moves].tolist()
        fill_row(inputs, row, record.board, [CHESS_MOVES[action] for action in actions])
        win_probs[row, : len(actions)] = record.win_probs[:max_moves]
    return Batch(inputs, win_probs)


def empty_inputs(positions: int, max_moves: int) -> Inputs:
    """All zeros: positions without pieces and moves."""
    shapes = {
        "squares": (64,),
        "state": (NUM_STATE,),
        "attacks": (64, 8),
        "xrays": (64, 8),
        "sources": (max_moves,),
        "targets": (max_moves,),
        "promotions": (max_moves,),
        "relations": (max_moves, NUM_RELATIONS, 8),
        "mask": (max_moves,),
    }
    return Inputs(
        **{
            name: np.zeros((positions, *shape), bool if name == "mask" else np.uint8)
            for name, shape in shapes.items()
        }
    )


def fill_row(inputs: Inputs, row: int, board: chess.Board, moves: Sequence[chess.Move]) -> None:
    """Write one position and its moves into row ``row``, in place."""
    count = len(moves)
    for name, array in board_features(board)._asdict().items():
        getattr(inputs, name)[row] = array
    for name, array in move_features(board, moves)._asdict().items():
        getattr(inputs, name)[row, :count] = array
    inputs.mask[row, :count] = True
