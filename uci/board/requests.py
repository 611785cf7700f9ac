"""Parsing and checking of request bodies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import chess

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import shorten
from uci.protocol.positions import after_moves, board_from_fen

MAX_FEN = 200  # characters, here and below
MAX_MOVE = 10
MAX_MOVES = 1000
MAX_NAME = 100


@dataclass(frozen=True)
class PositionRequest:
    """A position with a legal move, and with the moves before it on its stack."""

    board: chess.Board
    network: str | None = None
    elo: float | None = None
    details: bool = False


@dataclass(frozen=True)
class ReviewRequest:
    """A PGN text to review."""

    pgn: str
    network: str | None = None


def body_of(data: bytes) -> dict[str, Any]:
    """The JSON object in a request's body. Raises InputError."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("expected a JSON object, found something else") from None
    if not isinstance(body, dict):
        raise InputError(f"expected a JSON object, found {_shown(body)}")
    return body


def position_request(body: Mapping[str, Any]) -> PositionRequest:
    """``{"fen", "moves"?, "network"?, "elo"?, "details"?}``. Raises InputError."""
    _only(body, ("fen", "moves", "network", "elo", "details"))
    fen = _text(body, "fen", MAX_FEN)
    moves = body.get("moves") or []
    if not isinstance(moves, list) or not all(isinstance(move, str) for move in moves):
        raise InputError(f"expected moves to be a list of strings, found {_shown(moves)}")
    if len(moves) > MAX_MOVES or any(len(move) > MAX_MOVE for move in moves):
        raise InputError(f"expected at most {MAX_MOVES} moves of {MAX_MOVE} characters, found more")
    board = after_moves(board_from_fen(None if fen.strip() == "startpos" else fen), moves)
    if not any(board.legal_moves):
        over = "checkmate" if board.is_check() else "stalemate"
        raise InputError(f"expected a position with a legal move, found {over} in {board.fen()}")
    elo, details = body.get("elo"), body.get("details", False)
    if elo is not None and (isinstance(elo, bool) or not isinstance(elo, int | float)):
        raise InputError(f"expected elo to be a number, found {_shown(elo)}")
    if not isinstance(details, bool):
        raise InputError(f"expected details to be true or false, found {_shown(details)}")
    return PositionRequest(board, _name(body), elo, details)


def review_request(body: Mapping[str, Any]) -> ReviewRequest:
    """``{"pgn", "network"?}``. Raises InputError."""
    _only(body, ("pgn", "network"))
    return ReviewRequest(_text(body, "pgn", None), _name(body))


def _only(body: Mapping[str, Any], names: tuple[str, ...]) -> None:
    unknown = next((name for name in body if name not in names), None)
    if unknown is not None:
        raise InputError(f"expected the fields {', '.join(names)}, found {_shown(unknown)}")


def _text(body: Mapping[str, Any], name: str, most: int | None) -> str:
    text = body.get(name)
    if not isinstance(text, str):
        raise InputError(f"expected {name} to be a string, found {_shown(text)}")
    if most is not None and len(text) > most:
        raise InputError(f"expected {name} of at most {most} characters, found {len(text)}")
    return text


def _name(body: Mapping[str, Any]) -> str | None:
    return None if body.get("network") is None else _text(body, "network", MAX_NAME)


def _shown(value: object) -> str:
    """A value as short printable text."""
    return shorten(ascii(value))
