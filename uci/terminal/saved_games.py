"""Games of the terminal as PGN: formatting, saving and loading."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import numbered_lines, write_atomically
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import read_main_line, split_games

PGN_COLUMNS = 80
ENGINE_NAME = "Argmax"


@dataclass(frozen=True)
class SavedGame:
    """A game from a file: the board with its moves, the result if there is one, and the tags."""

    board: chess.Board
    result: tuple[str, str] | None
    tags: Mapping[str, str]


def game_to_pgn(
    board: chess.Board,
    white: str,
    black: str,
    result: tuple[str, str] | None,
    tags: Mapping[str, str] | None = None,
    remarks: Mapping[int, str] | None = None,
) -> str:
    """A finished or unfinished game as PGN, with the reason of the result in the last comment.

    ``remarks``: comments before moves, by their index in the game.
    """
    game = chess.pgn.Game.from_board(board)
    today = datetime.date.today().strftime("%Y.%m.%d")
    game.headers.update(Event="Casual game", Site="?", Date=today, Round="-")
    game.headers.update(White=white, Black=black, Result=result[0] if result else "*")
    game.headers.update(tags or {})
    game.headers["Termination"] = "normal" if result else "unterminated"
    for place, node in enumerate([game, *game.mainline()]):
        node.comment = (remarks or {}).get(place, "")
    if result:
        game.end().comment = result[1]
    return game.accept(chess.pgn.StringExporter(columns=PGN_COLUMNS)) + "\n"


def save_game(path: Path, text: str, ours: bool) -> None:
    """Write a game. Raises InputError if the file exists and is not ``ours`` to replace."""
    if not ours and path.exists():
        raise InputError(f"expected a new file, found {path}; choose another name")
    write_atomically(path, text.encode())


def load_game(path: Path) -> SavedGame:
    """The first game of a PGN file, plain or compressed, with the parser of all commands.

    Raises InputError if there is no game that can be continued, or OSError.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"expected a file of games, found something else at {path}")
    game = next(split_games(numbered_lines(path)), None)
    if game is None:
        raise InputError(f"expected a game in PGN, found none in {path}")
    try:
        played = read_main_line(game)
    except BadEntry as bad:
        raise InputError(f"expected a game of standard chess in {path}, found: {bad}") from None
    board = played.start.copy()
    for move in played.moves:
        board.push(move)
    reason = played.comments[-1] or "the result in the file"
    return SavedGame(board, (game.result, reason) if game.result else None, game.tags)
