"""What the network sees: alike for both colours, and relations as python-chess has them."""

from collections.abc import Iterable

import chess
import numpy as np
import pytest

from data_pipeline.batches.board_batches import Inputs, make_inputs
from tests.helpers.random_chess import en_passant_boards, random_boards

BOARDS = random_boards(seed=4, games=3, plies=90)


def features_of(board: chess.Board, moves: Iterable[chess.Move] = ()) -> Inputs:
    """A position and M moves of it: `Inputs` without the first dimension."""
    legal = list(moves)
    return Inputs(*(array[0] for array in make_inputs([board], [legal], len(legal))))


def squares_of(rows: np.ndarray) -> list[set[int]]:
    """Bitboards [..., 8] uint8 -> the squares of each, from the side to move."""
    masks = rows.reshape(-1, 8).copy().view("<u8").ravel()
    return [set(chess.scan_forward(int(mask))) for mask in masks]


def test_colour_flip_symmetry():
    for board in BOARDS:
        mirror = board.mirror()
        moves = list(board.legal_moves)
        mirrored = [
            chess.Move(move.from_square ^ 56, move.to_square ^ 56, move.promotion) for move in moves
        ]
        ours, theirs = features_of(board, moves), features_of(mirror, mirrored)
        for name, array in ours._asdict().items():
            np.testing.assert_array_equal(array, getattr(theirs, name), err_msg=name)


def test_squares_and_state_by_hand():
    features = features_of(chess.Board(BOARDS[3].fen()))  # ... w KQkq f6
    assert features.squares[:8].tolist() == [4, 2, 3, 5, 6, 3, 2, 4]
    assert features.squares[chess.E5] == 1
    assert features.squares[chess.F5] == 7
    assert features.squares[chess.E8] == 12
    assert features.state.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    pinned = features_of(BOARDS[4])  # the capture would uncover a check
    assert not pinned.state.any()


def white_boards():
    return [board if board.turn else board.mirror() for board in BOARDS]


def test_attacks_and_xrays_by_brute_force():
    for board in white_boards():
        features = features_of(board)
        attacks, xrays = squares_of(features.attacks), squares_of(features.xrays)
        for square in chess.SQUARES:
            assert attacks[square] == set(board.attacks(square))
            assert xrays[square] == xrays_by_brute_force(board, square)


def xrays_by_brute_force(board: chess.Board, square: int) -> set[int]:
    piece = board.piece_at(square)
    if piece is None or piece.piece_type not in (chess.BISHOP, chess.ROOK, chess.QUEEN):
        return set()
    direct = board.attacks(square)
    without = board.copy(stack=False)
    for blocker in direct & board.occupied:
        without.remove_piece_at(blocker)
    return set(without.attacks(square)) - set(direct)


@pytest.mark.parametrize("part", range(4))
def test_relations_of_moves_by_brute_force(part):
    for board in white_boards()[part::6] if part < 3 else en_passant_boards()[::2]:
        moves = list(board.legal_moves)
        features = features_of(board, moves)
        assert features.sources.tolist() == [move.from_square for move in moves]
        assert features.targets.tolist() == [move.to_square for move in moves]
        assert features.promotions.tolist() == [max(0, (move.promotion or 1) - 1) for move in moves]
        for move, relations in zip(moves, features.relations, strict=True):
            assert squares_of(relations) == relations_by_brute_force(board, move), board.fen()


def relations_by_brute_force(board: chess.Board, move: chess.Move) -> list[set[int]]:
    """Attacks from the target, attackers of it, lines that the vacated source discovers."""
    after = board.copy(stack=False)
    piece = after.remove_piece_at(move.from_square)
    assert piece is not None
    if board.is_en_passant(move):
        after.remove_piece_at(chess.square(chess.square_file(move.to_square), 4))
    after.set_piece_at(move.to_square, chess.Piece(move.promotion or piece.piece_type, piece.color))
    attackers = after.attackers(chess.WHITE, move.to_square) | after.attackers(
        chess.BLACK, move.to_square
    )
    return [set(after.attacks(move.to_square)), set(attackers), discovered(board, move.from_square)]


def discovered(board: chess.Board, source: int) -> set[int]:
    vacated = board.copy(stack=False)
    vacated.remove_piece_at(source)
    sliders = board.bishops | board.rooks | board.queens
    return {
        square
        for slider in chess.scan_forward(sliders & ~chess.BB_SQUARES[source])
        for square in set(vacated.attacks(slider)) - set(board.attacks(slider))
    }
