"""Readers: files of positions -> scored positions, one at a time, bad entries named and counted.

A reader streams: it holds one entry at a time in memory, whatever the size of its file.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import chess
import numpy as np
import zstandard

from data_pipeline.actions import ACTIONS
from data_pipeline.records import PositionRecord, make_record
from data_pipeline.values import MAX_CENTIPAWNS, mate_score


@dataclass(frozen=True)
class Rejected:
    """An entry that could not be read: where it stands, why, and the start of its text."""

    file: str
    line: int
    reason: str
    text: str


class BadEntry(ValueError):
    """Why an entry was rejected; the first argument is the reason that is counted."""


def open_lines(path: str | Path) -> Iterator[bytes]:
    """The lines of a file, plain or zstd-compressed (also of several frames), without line ends."""
    with open(path, "rb") as raw:
        stream: io.RawIOBase | io.BufferedReader = raw
        if str(path).endswith(".zst"):
            stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        for line in io.BufferedReader(stream, 1 << 20):  # pyright: ignore[reportArgumentType]
            yield line.rstrip(b"\r\n")


def read_lichess_evaluations(path: str | Path) -> Iterator[PositionRecord | Rejected]:
    """The Lichess evaluation dump (.jsonl or .jsonl.zst): scores from White's point of view.

    Of several evaluations of one position the deepest is taken, then the one with more moves. A
    file that is cut short in the middle of a zstd frame gives what stands before the cut and one
    `Rejected` for the rest.
    """
    number = 0
    try:
        for number, line in enumerate(open_lines(path), start=1):
            try:
                yield parse_lichess_evaluation(line)
            except BadEntry as bad:
                text = line[:200].decode("utf-8", "replace")
                yield Rejected(str(path), number, str(bad), text)
    except (zstandard.ZstdError, EOFError) as error:
        yield Rejected(str(path), number + 1, "truncated file", str(error))


def parse_lichess_evaluation(line: bytes) -> PositionRecord:
    """One line of the dump -> a record. Raises BadEntry with the reason."""
    try:
        entry = json.loads(line)
    except ValueError:
        raise BadEntry("broken JSON") from None
    try:
        fen = entry["fen"]
        evaluation = max(entry["evals"], key=lambda e: (e.get("depth", 0), len(e["pvs"])))
        variations = [(pv["line"].split(" ", 1)[0], _white_score(pv)) for pv in evaluation["pvs"]]
        depth = min(int(evaluation.get("depth", 0)), 255)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadEntry("missing field") from None
    return record_of(parse_fen(fen), variations, depth)


def _white_score(variation: dict) -> int:
    if "cp" in variation:
        return max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, int(variation["cp"])))
    if "mate" in variation:
        return mate_score(int(variation["mate"]))
    raise BadEntry("missing score")


def parse_fen(fen: str) -> chess.Board:
    """A FEN of four or six fields -> a legal position. Raises BadEntry otherwise."""
    try:
        board = chess.Board(fen if fen.count(" ") > 3 else fen + " 0 1")
    except ValueError:
        raise BadEntry("illegal FEN") from None
    if not board.is_valid():
        raise BadEntry("illegal position")
    return board


def record_of(
    board: chess.Board, variations: list[tuple[str, int]], depth: int, *, clocks: bool = False
) -> PositionRecord:
    """Moves (UCI) with scores from White's point of view -> a record from the side to move's.

    Raises BadEntry where a move is illegal or stands twice, or where there is none.
    """
    legal = {move.uci() for move in board.legal_moves}
    moves = {move for move, _ in variations}
    if not moves:
        raise BadEntry("no moves")
    if not moves <= legal:
        raise BadEntry("illegal move")
    if len(moves) < len(variations):
        raise BadEntry("move listed twice")
    sign = 1 if board.turn == chess.WHITE else -1
    return make_record(
        board,
        np.array([ACTIONS[move] for move, _ in variations], np.uint16),
        np.array([sign * score for _, score in variations], np.int32),
        depth=depth,
        complete=len(moves) == len(legal),
        clocks=clocks,
    )
