"""Lichess puzzles: reading the files, and solving many in batches.

A puzzle's FEN is the position before the opponent's move. Its moves start with that move, and the
solver plays every second one. A puzzle is solved if all moves of the solver match. A move that
mates also solves it, whichever mate it is, as on Lichess and in Ruoss et al. 2024.

If there is a column PGN, as in the file of Ruoss et al., it gives the game before the puzzle. Then
no FEN is needed, and repetitions are known.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import chess

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import MAX_LINE_BYTES, BrokenFile, numbered_lines
from data_pipeline.sources.fen import faults_of, read_fen
from data_pipeline.sources.pgn import read_main_line, split_games

# The columns of the Lichess database dump, for files without a header.
LICHESS_COLUMNS = ("PuzzleId", "FEN", "Moves", "Rating", "RatingDeviation", "Popularity")
LICHESS_COLUMNS += ("NbPlays", "Themes", "GameUrl", "OpeningTags")


@dataclass(frozen=True)
class Puzzle:
    """``moves`` starts with the opponent's move. ``themes`` are the file's; if it has no such
    column, mateIn1 to mateIn5 for a solution that mates.

    ``game``: the moves from the initial position to ``fen``, if the file has them.
    """

    name: str
    fen: str
    moves: tuple[chess.Move, ...]
    rating: int
    themes: tuple[str, ...] = ()
    game: tuple[chess.Move, ...] = ()

    def board(self) -> chess.Board:
        """The position before the opponent's move, with the game's moves on its stack."""
        if not self.game:
            return chess.Board(self.fen)
        board = chess.Board()
        for move in self.game:
            board.push(move)
        return board


@dataclass(frozen=True)
class BadLine:
    """A line that is not a puzzle: where, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Attempt:
    """The result of one puzzle: the solver found ``found`` of its ``needed`` moves."""

    puzzle: Puzzle
    solved: bool
    found: int
    needed: int


class Ranked(Protocol):
    """A position's legal moves, best first."""

    @property
    def moves(self) -> Sequence[chess.Move]: ...


class Solver(Protocol):
    """Analyses positions in batches; `engine.play.engine.SearchlessEngine` is one."""

    def analyse_many(self, boards: Sequence[chess.Board]) -> Sequence[Ranked]: ...


def read_puzzles(
    paths: Iterable[str | Path], limit: int | None = None
) -> tuple[list[Puzzle], list[BadLine]]:
    """The first ``limit`` valid puzzles of .csv or .csv.zst files, and the bad lines among them.

    Raises InputError if there is no valid puzzle.
    """
    puzzles: list[Puzzle] = []
    bad: list[BadLine] = []
    paths = list(paths)
    if not paths:
        raise InputError("expected at least one puzzle file (.csv or .csv.zst), found none")
    for path in paths:
        if not Path(path).is_file():
            raise InputError(f"expected a puzzle file (.csv or .csv.zst), found none at {path}")
        for entry in _entries(path):
            if limit is not None and len(puzzles) >= limit:
                break
            if isinstance(entry, Puzzle):
                puzzles.append(entry)
            else:
                bad.append(entry)
    if not puzzles:
        found = f"; the first bad line: {bad[0].file}:{bad[0].line}: {bad[0].reason}" if bad else ""
        raise InputError(
            "expected Lichess puzzles (PuzzleId,FEN,Moves,Rating), found none in "
            f"{', '.join(map(str, paths))}{found}"
        )
    return puzzles, bad


def _entries(path: str | Path) -> Iterator[Puzzle | BadLine]:
    columns, number = LICHESS_COLUMNS, 0
    try:
        for number, line in numbered_lines(path):
            try:
                row = _row(line)
                if number == 1 and "Moves" in row and ("FEN" in row or "PGN" in row):
                    columns = tuple(row)
                elif row:
                    yield parse_puzzle(dict(zip(columns, row, strict=False)))
            except (ValueError, csv.Error) as error:
                yield BadLine(str(path), number, str(error))
    except BrokenFile as broken:
        yield BadLine(str(path), number + 1, f"unreadable from here on: {broken.reason}")


def _row(line: bytes) -> list[str]:
    """The fields of a CSV line; an empty list for an empty line."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")
    return next(csv.reader([line.decode("utf-8", "replace")]), [])


def parse_puzzle(row: dict[str, str]) -> Puzzle:
    """A line as {column: text} -> a puzzle. Raises ValueError, which says what is wrong."""
    start = "PGN" if row.get("PGN") else "FEN"
    missing = next((name for name in (start, "Moves", "Rating") if not row.get(name)), None)
    if missing:
        raise ValueError(f"no {missing}")
    if not re.fullmatch(r"[0-9]{1,5}", row["Rating"]):
        raise ValueError(f"expected a whole number as Rating, found {row['Rating'][:40]!r}")
    board = _board_of_pgn(row["PGN"]) if start == "PGN" else read_fen(row["FEN"]).board
    fen, game = board.fen(), tuple(board.move_stack)
    if faults := faults_of(board):
        raise ValueError(f"illegal position {fen}: {faults}")
    moves = []
    for text in row["Moves"].split():
        move = board.parse_uci(text)
        if not move:
            raise ValueError(f"expected legal moves, found the null move {text!r}")
        moves.append(move)
        board.push(move)
    if len(moves) < 2 or len(moves) % 2:
        raise ValueError(f"expected the opponent's move and solver's last, found {row['Moves']!r}")
    themes = tuple(row.get("Themes", "").split()) if "Themes" in row else _mate_theme(board, moves)
    return Puzzle(row.get("PuzzleId", ""), fen, tuple(moves), int(row["Rating"]), themes, game)


def _mate_theme(end: chess.Board, moves: Sequence[chess.Move]) -> tuple[str, ...]:
    """Lichess's theme for a solution that mates; mateIn5 means in 5 or more."""
    return (f"mateIn{min(len(moves) // 2, 5)}",) if end.is_checkmate() else ()


def _board_of_pgn(text: str) -> chess.Board:
    """The position after the moves of a game, which starts from the initial position."""
    games = list(split_games(enumerate(text.encode("utf-8", "replace").split(b"\n"), start=1)))
    try:
        (game,) = games
        played = read_main_line(game)
    except ValueError:
        played = None
    if played is None or played.start.fen() != chess.STARTING_FEN:
        raise ValueError(f"expected a game from the initial position as PGN, found {text[:40]!r}")
    for move in played.moves:
        played.start.push(move)
    return played.start


def solve(
    puzzles: Sequence[Puzzle],
    solver: Solver,
    chunk: int = 512,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[list[Attempt], int]:
    """Attempt all puzzles, with one batched analysis per chunk of puzzles and move of the solution.

    ``progress`` gets the number of puzzles decided so far. Returns the attempts in the order of the
    puzzles, and the number of positions analysed.
    """
    attempts: dict[int, Attempt] = {}
    boards = {i: puzzle.board() for i, puzzle in enumerate(puzzles)}
    positions = 0
    step = 0  # the solver's moves made so far
    while boards:
        indices = list(boards)
        for start in range(0, len(indices), chunk):
            part = indices[start : start + chunk]
            for i in part:
                boards[i].push(puzzles[i].moves[2 * step])
            answers = [found.moves[0] for found in solver.analyse_many([boards[i] for i in part])]
            positions += len(part)
            for i, answer in zip(part, answers, strict=True):
                solved = _judge(boards[i], answer, puzzles[i].moves[2 * step + 1 :])
                if solved is not None:
                    needed = len(puzzles[i].moves) // 2
                    attempts[i] = Attempt(puzzles[i], solved, step + solved, needed)
                    del boards[i]
            progress(len(attempts))
        step += 1
    return [attempts[i] for i in range(len(puzzles))], positions


def _judge(board: chess.Board, answer: chess.Move, rest: Sequence[chess.Move]) -> bool | None:
    """True: solved; False: failed; None: correct so far. Plays the answer on ``board``; ``rest`` is
    the remaining solution."""
    board.push(answer)
    if answer == rest[0]:
        return True if len(rest) == 1 else None
    return board.is_checkmate()
