"""Parsing of FENs and moves from users and GUIs, with errors in one line."""

from collections.abc import Iterable

import chess

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import shorten
from data_pipeline.sources.fen import faults_of, read_fen


def board_from_fen(fen: str | None) -> chess.Board:
    """The board of a FEN or EPD (see `data_pipeline.sources.fen`), by default the start position.

    Raises InputError if it is unplayable.
    """
    if fen is None:
        return chess.Board()
    try:
        board = read_fen(fen).board
    except ValueError as error:
        raise InputError(f"expected a FEN, found '{shorten(fen)}': {error}") from None
    if faults := faults_of(board):
        raise InputError(f"expected a playable position, found '{shorten(fen)}': {faults}")
    return board


def parse_move(board: chess.Board, text: str) -> chess.Move:
    """A legal move in UCI notation or SAN. Raises InputError."""
    for parse in (board.parse_uci, board.parse_san):
        try:
            move = parse(text)
        except ValueError:
            continue
        if move:  # a null move is false
            return move
    raise InputError(f"expected a legal move in {board.fen()}, found '{shorten(text)}'")


def after_moves(board: chess.Board, moves: Iterable[str]) -> chess.Board:
    """``board`` itself, after ``moves``. Raises InputError for an illegal move."""
    for number, text in enumerate(moves, start=1):
        try:
            board.push(parse_move(board, text))
        except InputError as error:
            raise InputError(f"move {number}: {error}") from None
    return board
