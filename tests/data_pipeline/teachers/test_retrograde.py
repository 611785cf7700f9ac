"""Solved endings: each value is the best of its moves', and the longest wins are the known ones."""

import chess
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.encoding.values import mate_in_moves
from data_pipeline.teachers import retrograde


@st.composite
def placements(draw):
    pieces = draw(st.sampled_from(("KQk", "KRk", "KPk", "KBk")))
    squares = draw(st.permutations(range(64)))[: len(pieces)]
    board = chess.Board(None)
    for square, symbol in zip(squares, pieces, strict=True):
        board.set_piece_at(square, chess.Piece.from_symbol(symbol))
    board.turn = draw(st.booleans())
    return board


@given(placements())
def test_a_value_is_the_best_of_its_moves(board):
    on_last_rank = board.pawns & (chess.BB_RANK_1 | chess.BB_RANK_8)
    found = retrograde.value(board)
    if board.was_into_check() or on_last_rank:
        assert found == retrograde.ILLEGAL
        return
    values = []
    for move in board.legal_moves:
        board.push(move)
        after = retrograde.value(board)
        values.append(int(np.sign(after)) - after)
        board.pop()
    stuck = retrograde.MATED if board.is_check() else 0
    assert found == max(values, default=stuck)


@given(placements())
def test_colours_and_sides_do_not_matter(board):
    assert retrograde.value(board) == retrograde.value(board.mirror())
    if "P" not in retrograde.pieces_of(board):
        flipped = board.transform(chess.flip_horizontal)
        assert retrograde.value(board) == retrograde.value(flipped)


@pytest.mark.parametrize(("pieces", "longest"), [("KQk", 10), ("KRk", 16), ("KPk", 28)])
def test_the_longest_wins(pieces, longest):
    values = retrograde.table(pieces)[int(chess.WHITE)]
    assert retrograde.mate_in(int(values[values > 0].min())) == longest


def test_two_kings_or_a_lone_bishop_never_win():
    for pieces in ("Kk", "KBk", "KNk"):
        assert set(np.unique(retrograde.table(pieces))) == {retrograde.ILLEGAL, 0}


def test_moves_scores():
    board = chess.Board("7k/8/6K1/8/8/8/8/R7 w - - 0 1")
    scores = {m.uci(): mate_in_moves(s) for m, s in retrograde.move_scores(board).items()}
    assert scores["a1a8"] == 1
    assert min(n for n in scores.values() if n) == 1
    lost = chess.Board("7k/8/6K1/8/8/8/8/R7 b - - 0 1")
    assert {mate_in_moves(s) for s in retrograde.move_scores(lost).values()} == {-1}
    loose = chess.Board("8/8/8/8/8/6k1/5R2/7K b - - 0 1")
    assert retrograde.move_scores(loose)[chess.Move.from_uci("g3f2")] == 0


def test_too_many_pieces_are_refused():
    with pytest.raises(ValueError, match="expected two kings and at most two other pieces"):
        retrograde.table("KQRBk")
    with pytest.raises(ValueError, match="pawns of one side only"):
        retrograde.table("KPkp")
