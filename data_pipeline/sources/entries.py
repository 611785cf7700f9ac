"""Readers: files of positions -> records, one at a time; bad entries are reported and counted.

A reader streams: it has only one entry in memory, for files of any size. Several workers can share
a file: each reads all of it, but parses only every ``parts``-th entry.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import MAX_LINE_BYTES, BrokenFile, numbered_lines
from data_pipeline.dataset.dataset import Rows, files_of
from data_pipeline.dataset.records import MAX_MOVES, PositionRecord, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.sources.fen import Fen, faults_of, read_fen


@dataclass(frozen=True)
class Rejected:
    """An entry that cannot be used: its place, the reason, and the start of its text."""

    file: str
    line: int
    reason: str
    text: str


class BadEntry(ValueError):
    """An entry is rejected; the first argument is the reason, for counting."""


@dataclass
class Share:
    """Part ``part`` of ``parts`` of a file's entries: those with index % parts == part."""

    part: int = 0
    parts: int = 1
    consumed_bytes: int = 0
    """Bytes of the file read so far; updated by the reader."""
    mended: Counter[str] = field(default_factory=Counter)
    """Corrections in positions that were kept, by name (see `fen.Fen.mended`)."""

    def read_to(self, position: int) -> None:
        """Set the number of bytes read."""
        self.consumed_bytes = position

    def has(self, number: int) -> bool:
        """Whether the entry with this index is in this part."""
        return number % self.parts == self.part


Reader = Callable[[str, Share], Iterator[PositionRecord | Rejected]]


def open_bag(path: str) -> Rows | Rejected:
    """Open a bag, which may be sharded; `Rejected` if it cannot be opened."""
    try:
        return Rows(Path(path))
    except InputError as error:
        return Rejected(path, 0, "not a bag, or a bag cut short", str(error))


def size_of(path: Path) -> int:
    """The size in bytes of a file, or of all shards of a bag."""
    return sum(file.stat().st_size for file in files_of(path))


def read_lines(
    path: str, share: Share, parse: Callable[[bytes, Share], PositionRecord | None]
) -> Iterator[PositionRecord | Rejected]:
    """Read a file with one position per line. ``parse`` raises BadEntry, or returns None for lines
    without a position; it counts corrections in the share.

    For a file that cannot be read to its end, there is one `Rejected` for the rest.
    """
    number = 0
    try:
        for number, line in numbered_lines(path, share.read_to):
            if not share.has(number) or not line.strip():
                continue
            try:
                record = parse(_checked(line), share)
            except BadEntry as bad:
                yield Rejected(path, number, str(bad), line[:200].decode("utf-8", "replace"))
                continue
            if record:
                yield record
    except BrokenFile as broken:
        if share.part == 0:
            yield Rejected(path, number + 1, broken.reason, broken.detail)


def _checked(line: bytes) -> bytes:
    if len(line) > MAX_LINE_BYTES:
        raise BadEntry("overlong line")
    return line


def playable(text: str) -> Fen:
    """A FEN or EPD (see `fen.read_fen`) -> a position that a record can store.

    Raises BadEntry for all others, and for Chess960 castling.
    """
    try:
        found = read_fen(text)
    except ValueError:
        raise BadEntry("illegal FEN") from None
    if found.chess960:
        raise BadEntry("Chess960 castling")
    board = found.board
    crowded = chess.popcount(board.queens) > 9 and board.legal_moves.count() > MAX_MOVES
    if faults_of(board) or crowded:
        raise BadEntry("illegal position")
    return found


def parse_fen(text: str, share: Share | None = None) -> tuple[chess.Board, bool]:
    """A FEN or EPD -> a playable position, and whether its clocks are known. Raises BadEntry.

    If an EPD has only the half-move clock, the full-move number is 0. Corrections are counted in
    ``share``.
    """
    found = playable(text)
    if share is not None:
        share.mended.update(found.mended)
    clocks = found.halfmove_clock is not None or found.fullmove_number is not None
    if clocks and found.fullmove_number is None:
        found.board.fullmove_number = 0
    return found.board, clocks


def unscored(
    board: chess.Board,
    *,
    clocks: bool,
    state_score: int | None = None,
    played: int | None = None,
) -> PositionRecord:
    """A record without scored moves."""
    none = np.zeros(0, np.uint16)
    return make_record(
        board, none, none, complete=False, clocks=clocks, state_score=state_score, played=played
    )


def record_of(
    board: chess.Board, variations: list[tuple[str, int]], depth: int, *, clocks: bool = False
) -> PositionRecord:
    """Moves (UCI) with scores from White's point of view -> a record.

    Castling can be the king's move or, as in the Lichess dump, the king's capture of its own rook.
    Raises BadEntry for an illegal or repeated move, or if there are no moves.
    """
    if not variations:
        raise BadEntry("no moves")
    legal = {move.uci() for move in board.legal_moves}
    names = [move if move in legal else _castling(board, move) for move, _ in variations]
    moves = set(names)
    if len(moves) < len(variations):
        raise BadEntry("move listed twice")
    sign = 1 if board.turn == chess.WHITE else -1
    return make_record(
        board,
        np.array([ACTIONS[move] for move in names], np.uint16),
        np.array([sign * score for _, score in variations], np.int32),
        depth=depth,
        complete=len(moves) == len(legal),
        clocks=clocks,
    )


def _castling(board: chess.Board, move: str) -> str:
    """``e1h1`` -> ``e1g1`` if it castles. Raises BadEntry for any other illegal move."""
    try:
        parsed = board.parse_uci(move)
    except ValueError:
        raise BadEntry("illegal move") from None
    if not parsed:  # the null move, which python-chess accepts
        raise BadEntry("illegal move")
    return parsed.uci()
