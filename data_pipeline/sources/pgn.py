"""PGN files -> the positions of their main lines, with the move played and ``[%eval]`` scores.

A file is cut into games first, so that whatever is wrong with one game costs that game only.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

import chess
import chess.pgn
import zstandard

from data_pipeline.common.files import open_lines
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import action_of
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_score
from data_pipeline.sources.entries import BadEntry, Rejected, Share, unscored

MAX_GAME_BYTES = 1 << 20
STANDARD = ("standard", "chess", "normal", "from position", "")
_TAG = re.compile(rb'\[\w+\s+"')
_EVAL = re.compile(r"\[%eval\s+(?:#(-?\d+)|(-?\d+(?:\.\d+)?))")


def read_pgn(path: str, share: Share) -> Iterator[PositionRecord | Rejected]:
    """PGN, plain or .zst: a record without scored moves per position of each game.

    Variations are skipped. An ``[%eval]`` comment (White's point of view) stands behind a move and
    is the score of the position after it.
    """
    line = 0
    try:
        for number, (line, text) in enumerate(split_games(open_lines(path, share.read_to))):
            if not share.has(number):
                continue
            try:
                yield from parse_games(text)
            except BadEntry as bad:
                yield Rejected(path, line, str(bad), text[:200].decode("utf-8", "replace"))
    except (zstandard.ZstdError, EOFError) as error:
        if share.part == 0:
            yield Rejected(path, line, "truncated file", str(error))


def split_games(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines -> (number of its first line, text) per game: a tag after a move starts a new one.

    Of a game longer than MAX_GAME_BYTES only the start is kept.
    """
    start, size, moves = 1, 0, False
    game: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        tag = _TAG.match(line) is not None
        if tag and moves:
            yield start, b"\n".join(game)
            game, size, moves = [], 0, False
        if not game:
            start = number
        moves = moves or not (tag or not line.strip())
        size += len(line) + 1
        if size <= MAX_GAME_BYTES:
            game.append(line)
        elif size - len(line) - 1 <= MAX_GAME_BYTES:
            game.append(b"\0")
    if moves:
        yield start, b"\n".join(game)


def parse_games(text: bytes) -> Iterator[PositionRecord]:
    """The text of a game (of several where they have no tags) -> the records of its positions.

    Raises BadEntry where the game is not standard chess or has an illegal move: before its first
    position, so a game counts whole or not at all.
    """
    if b"\0" in text:
        raise BadEntry("NUL byte or overlong game")
    handle = io.StringIO(text.decode("utf-8", "replace"))
    while (records := chess.pgn.read_game(handle, Visitor=_Positions)) is not None:
        if isinstance(records, str):
            raise BadEntry(records)
        yield from records


class _Positions(chess.pgn.BaseVisitor[Any]):
    """Collects the main line's records; the result is a list, or the reason for a rejection."""

    def __init__(self) -> None:
        self.wrong: str | None = None
        self.records: list[PositionRecord] = []
        self.board: chess.Board | None = None
        self.state_score: int | None = None

    def visit_header(self, tagname: str, tagvalue: str) -> None:
        if tagname == "Variant" and tagvalue.lower() not in STANDARD:
            self.wrong = "variant"

    def end_headers(self) -> Any:
        return chess.pgn.SKIP if self.wrong else None

    def begin_variation(self) -> Any:
        return chess.pgn.SKIP

    def visit_board(self, board: chess.Board) -> None:
        if self.board is None and (type(board) is not chess.Board or not board.is_valid()):
            self.wrong = self.wrong or "illegal position"
        self.board = board

    def visit_move(self, board: chess.Board, move: chess.Move) -> None:
        if not self.wrong:
            self._add(board, action_of(move))

    def visit_comment(self, comment: str) -> None:
        found = _EVAL.search(comment)
        if not found or self.board is None:
            return
        mate, pawns = found.groups()
        if mate and not int(mate):
            return  # the game is over
        score = mate_score(int(mate)) if mate else round(100 * float(pawns))
        if not mate:
            score = max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, score))
        self.state_score = score if self.board.turn == chess.WHITE else -score

    def handle_error(self, error: Exception) -> None:
        self.wrong = self.wrong or "illegal move"

    def result(self) -> Any:
        if not self.wrong and self.board is not None and any(self.board.legal_moves):
            self._add(self.board, None)
        return self.wrong or self.records

    def _add(self, board: chess.Board, played: int | None) -> None:
        self.records.append(
            unscored(board, clocks=True, state_score=self.state_score, played=played)
        )
        self.state_score = None
