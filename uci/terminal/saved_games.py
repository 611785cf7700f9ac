"""Games of the terminal as PGN: text, and files that are saved and loaded."""

import datetime
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import write_atomically

PGN_COLUMNS = 80
ENGINE_NAME = "Argmax"


@dataclass(frozen=True)
class SavedGame:
    """A game from a file: the board with its moves, the result if it had one, and the tags."""

    board: chess.Board
    result: tuple[str, str] | None
    tags: Mapping[str, str]


def game_to_pgn(
    board: chess.Board,
    white: str,
    black: str,
    result: tuple[str, str] | None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """A finished or broken-off game as PGN; a comment on the last move says why it ended."""
    game = chess.pgn.Game.from_board(board)
    today = datetime.date.today().strftime("%Y.%m.%d")
    game.headers.update(Event="Casual game", Site="?", Date=today, Round="-")
    game.headers.update(White=white, Black=black, Result=result[0] if result else "*")
    game.headers.update(tags or {})
    game.headers["Termination"] = "normal" if result else "unterminated"
    if result:
        game.end().comment = result[1]
    return game.accept(chess.pgn.StringExporter(columns=PGN_COLUMNS)) + "\n"


def save_game(path: Path, text: str, ours: bool) -> None:
    """Write a game. Raises InputError where a file is there that is not ``ours`` to replace."""
    if not ours and path.exists():
        raise InputError(f"expected a new file, found {path}; choose another name")
    write_atomically(path, text.encode())


def load_game(path: Path) -> SavedGame:
    """The first game of a PGN file. Raises InputError where there is none, or OSError."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    game = chess.pgn.read_game(io.StringIO(text))
    if game is None or (not game.variations and "[" not in text):
        raise InputError(f"expected a game in PGN, found none in {path}")
    if game.errors:
        raise InputError(f"expected a game of legal moves in {path}, found: {game.errors[0]}")
    board = game.end().board()
    if type(board) is not chess.Board or not board.is_valid():
        raise InputError(f"expected a game of chess, found another variant or position in {path}")
    result = game.headers.get("Result", "*")
    ended = result in ("1-0", "0-1", "1/2-1/2")
    reason = game.end().comment.strip() or "the result in the file"
    return SavedGame(board, (result, reason) if ended else None, dict(game.headers))
