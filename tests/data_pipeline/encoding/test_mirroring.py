"""Positions mirrored left to right: as python-chess does it, where castling is gone."""

import chess
import numpy as np
import pytest

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.board_batches import Batch, make_batch
from data_pipeline.batches.loader import training_batches
from data_pipeline.dataset.records import encode
from data_pipeline.encoding.board import moves_of, positions_of
from data_pipeline.encoding.mirroring import mirror
from tests.helpers.random_chess import random_boards, random_record


@pytest.fixture(scope="module")
def boards() -> list[chess.Board]:
    return [
        *[board for board in random_boards(seed=2, games=3) if any(board.legal_moves)],
        chess.Board("4k3/8/8/2pPp3/8/8/8/4K3 w - c6 0 1"),
        chess.Board("4k3/8/8/8/5pP1/8/8/4K3 b - g3 0 1"),
    ]


def flipped(board: chess.Board) -> chess.Board:
    """python-chess forgets the passed square."""
    other = board.transform(chess.flip_horizontal)
    other.ep_square = None if board.ep_square is None else board.ep_square ^ 7
    return other


def test_mirrored_as_boards_are(boards):
    moves = [list(board.legal_moves) for board in boards]
    free = [not any(map(board.has_castling_rights, chess.COLORS)) for board in boards]
    assert 10 < sum(free) < len(boards)
    turned = np.ones(len(boards), bool)
    found = mirror(positions_of(boards), moves_of(boards, moves), turned)
    others = [flipped(b) if f else b for b, f in zip(boards, free, strict=True)]
    turn = [7 if f else 0 for f in free]
    legal = [
        [chess.Move(m.from_square ^ t, m.to_square ^ t, m.promotion) for m in row]
        for row, t in zip(moves, turn, strict=True)
    ]
    for one, other in zip(found, (positions_of(others), moves_of(others, legal)), strict=True):
        for name, array in one._asdict().items():
            np.testing.assert_array_equal(array, getattr(other, name), err_msg=name)
    again = mirror(*found, turned)
    np.testing.assert_array_equal(again.positions.squares, positions_of(boards).squares)
    untouched = mirror(positions_of(boards), moves_of(boards, moves), ~turned)
    np.testing.assert_array_equal(untouched.positions.squares, positions_of(boards).squares)


def test_batches_are_mirrored_at_random_and_the_same_again(boards):
    rng = np.random.default_rng(0)
    encoded = [encode(random_record(board, rng)) for board in boards[-40:]]

    def batches(mirrored: bool) -> list[Batch]:
        data = training_batches(encoded, len(encoded), 0, BatchOptions(64, mirrored=mirrored))
        return [next(data) for _ in range(2)]

    plain, some, again = batches(False), batches(True), batches(True)
    np.testing.assert_array_equal(plain[0].targets, some[0].targets)
    differ = (plain[0].inputs.squares != some[0].inputs.squares).any(axis=1)
    assert 3 < differ.sum() < len(encoded) - 3
    np.testing.assert_array_equal(some[1].inputs.squares, again[1].inputs.squares)


def test_consequences_are_read_from_records_as_from_boards(boards):
    rng = np.random.default_rng(0)
    encoded = [encode(random_record(board, rng)) for board in boards[:20]]
    found = make_batch(encoded, 64, after=True).inputs
    assert found.afterstates[found.mask].any()
    assert not found.afterstates[~found.mask].any()
    assert make_batch(encoded, 64).inputs.afterstates.shape == (20, 64, 0, 8)
