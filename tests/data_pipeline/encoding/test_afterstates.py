"""The board after each move: as python-chess has it."""

import chess
import numpy as np

from data_pipeline.encoding.afterstates import afterstates
from data_pipeline.encoding.board import moves_of, positions_of
from tests.helpers.random_chess import random_boards

WORTH = {1: 1, 2: 3, 3: 3, 4: 5, 5: 9}


def attacked_by(board: chess.Board, colour: chess.Color) -> int:
    masks = [board.attacks_mask(square) for square in chess.scan_forward(board.occupied_co[colour])]
    return int(np.bitwise_or.reduce(np.array(masks, np.uint64)))


def worth(board: chess.Board, square: chess.Square, king: int) -> int:
    return WORTH.get(board.piece_type_at(square) or 0, king)


def loose(board: chess.Board, colour: chess.Color) -> int:
    found = 0
    for square in chess.scan_forward(board.occupied_co[colour]):
        attackers = [worth(board, s, 99) for s in board.attackers(not colour, square)]
        king = board.piece_type_at(square) == chess.KING
        alone = king or not board.is_attacked_by(colour, square)
        if attackers and (alone or min(attackers) < worth(board, square, 0)):
            found |= 1 << square
    return found


def expected(board: chess.Board, move: chess.Move) -> list[int]:
    """After a move that is not castling; from the side that moved."""
    mover = board.turn
    after = board.copy(stack=False)
    after.push(move)
    masks = [
        attacked_by(after, not mover),
        attacked_by(after, mover),
        loose(after, mover),
        loose(after, not mover),
    ]
    return masks if mover else [chess.flip_vertical(mask) for mask in masks]


def test_attacks_and_loose_pieces_after_every_move():
    boards = [*random_boards(seed=7, games=3)][::5]
    special = "r3k2r/pP1p2pp/8/2pPp3/8/8/pPPP1PPP/R3K2R w KQkq c6 0 1"
    boards += [chess.Board(special), chess.Board(special).mirror()]
    moves = [[m for m in board.legal_moves if not board.is_castling(m)] for board in boards]
    found = afterstates(positions_of(boards), moves_of(boards, moves))
    every = [
        expected(board, move) for board, row in zip(boards, moves, strict=True) for move in row
    ]
    assert len(every) > 1000
    np.testing.assert_array_equal(found, np.array(every, np.uint64))


def test_rooks_that_attack_each_other_and_a_check():
    board = chess.Board("4k3/8/8/3r4/8/8/8/3QK2R b - - 0 1")
    (found,) = afterstates(
        positions_of([board]), moves_of([board], [[chess.Move.from_uci("d5h5")]])
    )
    own, other = (chess.SquareSet(chess.flip_vertical(int(mask))) for mask in found[2:])
    assert own == {chess.H5} and other == {chess.H1}
    checked = chess.Board("4k3/8/8/8/8/8/8/3QK3 w - - 0 1")
    (found,) = afterstates(
        positions_of([checked]), moves_of([checked], [[chess.Move.from_uci("d1e2")]])
    )
    assert chess.SquareSet(int(found[3])) == {chess.E8}
