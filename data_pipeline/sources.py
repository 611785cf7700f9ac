"""Readers: files of positions -> records, one at a time, bad entries named and counted.

A reader streams: it holds one entry at a time in memory, whatever the size of its file. Several
workers may share a file: each reads all of it but parses only every ``parts``-th entry.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import chess
import numpy as np
import zstandard

from data_pipeline.actions import ACTIONS
from data_pipeline.errors import InputError
from data_pipeline.records import PositionRecord, decode, make_record
from data_pipeline.values import MAX_CENTIPAWNS, mate_score

if TYPE_CHECKING:
    import bagz

MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True)
class Rejected:
    """An entry that could not be used: where it stands, why, and the start of its text."""

    file: str
    line: int
    reason: str
    text: str


class BadEntry(ValueError):
    """Why an entry was rejected; the first argument is the reason that is counted."""


@dataclass
class Share:
    """Part ``part`` of ``parts`` of a file's entries: those whose number leaves it over."""

    part: int = 0
    parts: int = 1
    consumed_bytes: int = 0
    """How far into the file the reader is; it keeps this up to date."""

    def has(self, number: int) -> bool:
        """Whether the entry with this number is in this part."""
        return number % self.parts == self.part


Reader = Callable[[str, Share], Iterator[PositionRecord | Rejected]]


def reader_of(path: str | Path) -> Reader:
    """The reader for a file, by its name. Raises InputError for a name that says nothing."""
    from data_pipeline.chessbench import read_bag
    from data_pipeline.pgn import read_pgn

    name = Path(path).name.removesuffix(".zst")
    readers: dict[str, Reader] = {
        ".jsonl": read_lichess_evaluations,
        ".pgn": read_pgn,
        ".epd": read_fens,
        ".fen": read_fens,
        ".txt": read_fens,
        ".bag": read_shards if _SHARDS_OF_A_DATASET.fullmatch(name) else read_bag,
    }
    for suffix, reader in readers.items():
        if name.endswith(suffix):
            return reader
    raise InputError(
        f"expected a file named {', '.join(readers)} (or one of these with .zst), found {path}"
    )


_SHARDS_OF_A_DATASET = re.compile(r"(train|validation|test)(@\d+|-\d+-of-\d+)\.bag")


def read_shards(path: str, share: Share) -> Iterator[PositionRecord | Rejected]:
    """Shards of a dataset (``train@8.bag``) -> their records."""
    reader = open_bag(path)
    if isinstance(reader, Rejected):
        if share.part == 0:
            yield reader
        return
    size = size_of(Path(path))
    for row in range(share.part, len(reader), share.parts):
        share.consumed_bytes = size * row // len(reader)
        try:
            yield decode(reader[row])
        except Exception as error:  # what bagz's C++ throws, and what is no record
            yield Rejected(path, row, "broken record", str(error)[:200])


def open_bag(path: str) -> "bagz.Reader | Rejected":
    """A bag, also a sharded one, for reading; `Rejected` where it cannot be opened."""
    import bagz

    try:
        return bagz.Reader(path)
    except Exception as error:  # bagz raises what its C++ throws
        return Rejected(path, 0, "not a bag, or a bag cut short", str(error)[:200])


def size_of(path: Path) -> int:
    """Bytes of a file, or of all shards of a bag."""
    return sum(file.stat().st_size for file in files_of(path))


def files_of(path: Path) -> list[Path]:
    """A file, or all shards of a bag named ``NAME@SHARDS.bag`` or ``NAME@SHARDS_data.bag``."""
    sharded = re.fullmatch(r"(.*)@(\d+)(.*\.bag)", path.name)
    if not sharded:
        return [path]
    name, shards, rest = sharded[1], int(sharded[2]), sharded[3]
    return [path.with_name(f"{name}-{i:05d}-of-{shards:05d}{rest}") for i in range(shards)]


def open_lines(path: str | Path, share: Share) -> Iterator[bytes]:
    """The lines of a file, plain or zstd-compressed (also of several frames), without line ends.

    Raises EOFError where a zstd frame is cut short or a line is longer than MAX_LINE_BYTES, and
    ZstdError for what is not zstd.
    """
    with open(path, "rb") as raw:
        rest = b""
        for chunk in _decompressed(raw) if str(path).endswith(".zst") else _chunks(raw):
            share.consumed_bytes = raw.tell()
            first, *others = chunk.split(b"\n")
            rest += first
            for line in others:
                yield rest.rstrip(b"\r")
                rest = line
            if len(rest) > MAX_LINE_BYTES:
                raise EOFError(f"a line of more than {MAX_LINE_BYTES} bytes")
        if rest:
            yield rest


def _chunks(raw: BinaryIO) -> Iterator[bytes]:
    while chunk := raw.read(1 << 14):
        yield chunk


def _decompressed(raw: BinaryIO) -> Iterator[bytes]:
    frame = None
    for chunk in _chunks(raw):
        while chunk:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(chunk)
            chunk = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame:
        raise EOFError("the file ends within a zstd frame")


def read_lines(
    path: str, share: Share, parse: Callable[[bytes], PositionRecord | None]
) -> Iterator[PositionRecord | Rejected]:
    """Files of one position a line; ``parse`` raises BadEntry, and returns None for no position.

    A file that is cut short in the middle of a zstd frame gives what stands before the cut and one
    `Rejected` for the rest.
    """
    number = 0
    try:
        for number, line in enumerate(open_lines(path, share), start=1):
            if not share.has(number):
                continue
            try:
                record = parse(line)
            except BadEntry as bad:
                yield Rejected(path, number, str(bad), line[:200].decode("utf-8", "replace"))
                continue
            if record:
                yield record
    except (zstandard.ZstdError, EOFError) as error:
        if share.part == 0:
            yield Rejected(path, number + 1, "truncated file", str(error))


def parse_lichess_evaluation(line: bytes) -> PositionRecord:
    """One line of the Lichess evaluation dump -> a record. Raises BadEntry with the reason.

    Scores in the dump are from White's point of view. Of several evaluations the deepest is taken,
    then the one with more moves; moves without a score stay out, and the record is partial.
    """
    try:
        entry = json.loads(line)
    except ValueError:
        raise BadEntry("broken JSON") from None
    try:
        fen = entry["fen"]
        evaluation = max(entry["evals"], key=lambda e: (e.get("depth", 0), len(e["pvs"])))
        variations = [(pv["line"].split(" ", 1)[0], _white_score(pv)) for pv in evaluation["pvs"]]
        depth = min(int(evaluation.get("depth", 0)), 255)
        board, clocks = parse_fen(fen)
    except BadEntry:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadEntry("missing field") from None
    return record_of(board, variations, depth, clocks=clocks)


def _white_score(variation: dict) -> int:
    if "cp" in variation:
        return max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, int(variation["cp"])))
    if variation.get("mate"):
        return mate_score(int(variation["mate"]))
    raise BadEntry("missing score")


def parse_fen_line(line: bytes) -> PositionRecord | None:
    """A line of a FEN or EPD list -> a record without moves; empty lines and # comments -> None."""
    text = line.decode("ascii", "replace").strip()
    if not text or text.startswith("#"):
        return None
    board, clocks = parse_fen(text)
    return unscored(board, clocks=clocks)


read_lichess_evaluations: Reader = functools.partial(read_lines, parse=parse_lichess_evaluation)
"""The Lichess evaluation dump (.jsonl, .jsonl.zst); see `parse_lichess_evaluation`."""

read_fens: Reader = functools.partial(read_lines, parse=parse_fen_line)
"""FEN and EPD lists (.fen, .epd, .txt, also .zst)."""

_FULL_FEN = re.compile(r"^(\S+ +[wb] +\S+ +\S+) +(\d+) +(\d+)\b")


def parse_fen(fen: str) -> tuple[chess.Board, bool]:
    """A FEN of four or six fields, or an EPD -> a legal position, and whether it has clocks.

    Raises BadEntry for anything else, and for castling rights that only Chess960 has.
    """
    full = _FULL_FEN.match(fen)
    try:
        board = chess.Board(None)
        if full:
            board.set_fen(" ".join((*full[1].split(), full[2], full[3])))
        else:
            operations = board.set_epd(fen)
    except ValueError:
        raise BadEntry("illegal FEN") from None
    if not board.is_valid():
        raise BadEntry(_why_not_valid(board))
    return board, bool(full) or "fmvn" in operations


def _why_not_valid(board: chess.Board) -> str:
    if board.status() == chess.STATUS_BAD_CASTLING_RIGHTS:
        as_960 = board.copy(stack=False)
        as_960.chess960 = True
        if as_960.is_valid():
            return "Chess960 castling"
    return "illegal position"


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
    """Moves (UCI) with scores from White's point of view -> a record from the side to move's.

    Castling may be written as the king's move or, as in the Lichess dump, as the king's capture of
    his rook. Raises BadEntry where a move is illegal or stands twice, or where there is none.
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
    """``e1h1`` -> ``e1g1`` where that castles. Raises BadEntry for any other illegal move."""
    try:
        return board.parse_uci(move).uci()
    except ValueError:
        raise BadEntry("illegal move") from None
