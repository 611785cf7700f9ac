"""PGN -> games to review: tags, start position, and the moves of the main line."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import STANDARD, Game, games_of, read_main_line, split_games


@dataclass(frozen=True)
class PlayedGame:
    """A game of standard chess with legal moves."""

    tree: chess.pgn.Game = field(repr=False)
    start: chess.Board
    moves: tuple[chess.Move, ...]

    def name(self, color: chess.Color) -> str:
        """A player's name; ``?`` if the PGN has none."""
        return self.tree.headers.get("White" if color else "Black", "?")

    @property
    def result(self) -> str:
        """1-0, 0-1, 1/2-1/2, or * if the game has no result."""
        return self.tree.headers.get("Result", "*")

    def positions(self) -> Iterator[chess.Board]:
        """The position before each move, with the moves before it on its stack."""
        board = self.start.copy()
        for move in self.moves:
            yield board.copy()
            board.push(move)


class _Builder(chess.pgn.GameBuilder):
    """Collects the errors of a game in its ``errors``, without logging them."""

    def handle_error(self, error: Exception) -> None:
        self.game.errors.append(error)


@dataclass
class ReadCounts:
    """The number of games read, and of games left out by reason."""

    read: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count one more game that cannot be reviewed."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def read_files(paths: Sequence[Path], counts: ReadCounts) -> Iterator[PlayedGame]:
    """The games of PGN files, plain or .zst; those that cannot be reviewed are counted and left
    out.

    Raises InputError if a file does not exist or is broken.
    """
    return _read(games_of(paths), counts)


def read_text(text: str, counts: ReadCounts) -> list[PlayedGame]:
    """The games of a PGN text; those that cannot be reviewed are counted and left out."""
    lines = text.encode("utf-8", "replace").splitlines()
    return list(_read(split_games(enumerate(lines, start=1)), counts))


def _read(games: Iterable[Game], counts: ReadCounts) -> Iterator[PlayedGame]:
    for game in games:
        try:
            read_main_line(game)
            tree = chess.pgn.read_game(io.StringIO(game.text()), Visitor=_Builder)
            if tree is None:
                raise BadEntry("no moves")
            played = played_game(tree)
        except BadEntry as bad:
            counts.drop(str(bad))
        except InputError as error:
            counts.drop(str(error))
        except (ValueError, IndexError):  # a malformed tag, or unbalanced brackets
            counts.drop("a game that cannot be read")
        else:
            counts.read += 1
            yield played


def played_game(tree: chess.pgn.Game) -> PlayedGame:
    """A parsed game, checked. Raises InputError if it cannot be reviewed."""
    if tree.headers.get("Variant", "").lower() not in STANDARD:
        raise InputError("a variant of chess")
    try:
        start = tree.board()
    except ValueError:
        raise InputError("a FEN that cannot be read") from None
    if type(start) is not chess.Board or start.chess960 or not start.is_valid():
        raise InputError("an illegal position to start from")
    if tree.errors:
        raise InputError("an illegal move")
    moves = tuple(tree.mainline_moves())
    if not moves:
        raise InputError("no moves")
    if not all(moves):
        raise InputError("a null move")
    return PlayedGame(tree, start, moves)
