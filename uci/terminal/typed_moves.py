"""Parsing of moves as people type them; ambiguous ones lead to a question.

SAN, UCI and long algebraic notation are accepted in upper or lower case, with or without symbols
for captures, checks, mates and annotations: ``Nf3 nf3 Ng1-f3 G1F3 exd5 e4xd5 e8=Q e8q e7e8q O-O 0-0
o-o exd6e.p. Qh5+!?``.
"""

import re
from collections.abc import Iterator

import chess

_FIGURES = str.maketrans("♔♕♖♗♘♙♚♛♜♝♞♟×:–—", "KQRBNPKQRBNPxx--")
_EN_PASSANT = re.compile(r"e\.?p\.?$", re.IGNORECASE)
_CASTLING = re.compile(r"[o0]-?[o0](-?[o0])?", re.IGNORECASE)
_MOVE = re.compile(
    r"(?P<piece>[kqrbnp])?(?P<file>[a-h])?(?P<rank>[1-8])?[-x]*(?P<to>[a-h][1-8])"
    r"[=/(]?(?P<promotion>[qrbn])?\)?",
    re.IGNORECASE,
)


def typed_moves(board: chess.Board, text: str) -> list[chess.Move]:
    """The legal moves that ``text`` can mean: one if it is clear, several if not, or none."""
    text = _tidied(text)
    if castling := _CASTLING.fullmatch(text):
        side = board.is_queenside_castling if castling[1] else board.is_kingside_castling
        return [move for move in board.legal_moves if side(move)]
    exact = _exact(board, text)
    if exact:
        return [exact]
    legal = list(board.legal_moves)
    found = [m for reading in _readings(text) for m in legal if _fits(board, m, reading)]
    return list(dict.fromkeys(found))


def question(board: chess.Board, moves: list[chess.Move]) -> str:
    """``Nbd2 or Nfd2?``"""
    *first, last = (board.san(move).rstrip("+#") for move in moves)
    return f"{', '.join(first)} or {last}?"


def _tidied(text: str) -> str:
    """The text without spaces, move number and annotations."""
    text = re.sub(r"\s+", "", text).translate(_FIGURES)
    text = re.sub(r"^\d+\.+", "", text).rstrip("+#!?")
    return _EN_PASSANT.sub("", text)


def _exact(board: chess.Board, text: str) -> chess.Move | None:
    """The legal move with exactly this UCI or SAN notation."""
    try:
        move = board.parse_uci(text.lower())
    except ValueError:
        exact = (m for m in board.legal_moves if board.san(m).rstrip("+#") == text)
        return next(exact, None)
    return move or None  # a null move is false


def _readings(text: str) -> Iterator[dict[str, str | None]]:
    """Possible interpretations of ``text``.

    A lower-case ``b`` at the start can be a file or a bishop; before a rank (``b1c3``) it is a
    file. An upper-case one is a bishop, unless the whole text is in capitals.
    """
    match = _MOVE.fullmatch(text)
    if match is None:
        return
    parts = {name: part and part.lower() for name, part in match.groupdict().items()}
    may_be_file = parts["piece"] == "b" and not parts["file"] and (text[0] == "b" or text.isupper())
    if may_be_file:
        yield parts | {"piece": None, "file": "b"}
    if not (may_be_file and parts["rank"]):
        yield parts


def _fits(board: chess.Board, move: chess.Move, parts: dict[str, str | None]) -> bool:
    """Whether a legal move matches all parts of the text."""
    source, target = (chess.square_name(s) for s in (move.from_square, move.to_square))
    piece = chess.piece_symbol(board.piece_type_at(move.from_square) or 0)
    whole_source = parts["file"] and parts["rank"]
    return (
        target == parts["to"]
        and (parts["piece"] or (piece if whole_source else "p")) == piece
        and (parts["file"] or source[0]) == source[0]
        and (parts["rank"] or source[1]) == source[1]
        and (
            parts["promotion"] is None
            or (move.promotion or 0) == chess.PIECE_SYMBOLS.index(parts["promotion"])
        )
    )
