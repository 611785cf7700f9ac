"""FENs and move lists from users and GUIs -> boards, or one line that says what is wrong."""

from collections.abc import Iterable

import chess

from data_pipeline.common.errors import InputError
from uci.protocol.protocol import shorten

# Odd but playable: too many pieces or checkers, castling rights or en passant squares that
# python-chess disregards. Everything else makes moves meaningless.
PLAYABLE = (
    chess.STATUS_TOO_MANY_WHITE_PAWNS
    | chess.STATUS_TOO_MANY_BLACK_PAWNS
    | chess.STATUS_TOO_MANY_WHITE_PIECES
    | chess.STATUS_TOO_MANY_BLACK_PIECES
    | chess.STATUS_BAD_CASTLING_RIGHTS
    | chess.STATUS_INVALID_EP_SQUARE
    | chess.STATUS_TOO_MANY_CHECKERS
    | chess.STATUS_IMPOSSIBLE_CHECK
)


def board_from_fen(fen: str | None) -> chess.Board:
    """The board of a FEN of four to six fields, by default the starting position.

    Raises InputError for anything unplayable.
    """
    if fen is None:
        return chess.Board()
    try:
        board = chess.Board(fen)
    except ValueError as error:
        raise InputError(f"expected a FEN, found '{shorten(fen)}': {error}") from None
    faults = board.status() & ~PLAYABLE
    if faults:
        names = ", ".join(str(flag.name) for flag in chess.Status if flag & faults)
        names = names.lower().replace("_", " ")
        raise InputError(f"expected a playable position, found '{shorten(fen)}': {names}")
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
    """``board`` itself, after ``moves``. Raises InputError at the first that is illegal."""
    for number, text in enumerate(moves, start=1):
        try:
            board.push(parse_move(board, text))
        except InputError as error:
            raise InputError(f"move {number}: {error}") from None
    return board
