"""The ChessBench record format (Ruoss et al. 2024): bags of Beam ``TupleCoder`` bytes.

A record has a FEN of six fields and, by policy, the training target: a move and the win probability
after it (``action_value``), the win probability (``state_value``), or the move
(``behavioral_cloning``). Strings are UTF-8; all fields but the last are preceded by their length as
a variable-length integer; a win probability is a big-endian float64, for the side to move.
"""

import math
import struct
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.records import PositionRecord, choice, make_record, state_score
from data_pipeline.encoding.actions import ACTIONS, MOVES
from data_pipeline.encoding.values import MAX_CENTIPAWNS, WIN_PROBABILITY_SLOPE, centipawns
from data_pipeline.sources.entries import BadEntry, Rejected, Share, open_bag, parse_fen, size_of

POLICIES = ("action_value", "state_value", "behavioral_cloning")
_DOUBLE = struct.Struct(">d")


class Entry(NamedTuple):
    """A record of a ChessBench bag; fields that its policy does not have are None."""

    fen: str
    move: str | None = None
    win_prob: float | None = None


def encode_entry(entry: Entry) -> bytes:
    """An entry -> its bytes; the fields that it has determine the policy."""
    strings = [text.encode() for text in (entry.fen, entry.move) if text is not None]
    if entry.win_prob is None:
        return b"".join((*map(_with_length, strings[:-1]), strings[-1]))
    return b"".join((*map(_with_length, strings), _DOUBLE.pack(entry.win_prob)))


def decode_entry(data: bytes, policy: str) -> Entry:
    """Bytes -> the entry; the inverse of `encode_entry`. Raises BadEntry."""
    try:
        fen, at = _string_at(data, 0)
        if policy == "behavioral_cloning":
            return Entry(fen, data[at:].decode())
        move = None
        if policy == "action_value":
            move, at = _string_at(data, at)
        (win_prob,) = _DOUBLE.unpack(data[at:])
    except (struct.error, IndexError, UnicodeDecodeError):
        raise BadEntry("not a ChessBench record") from None
    return Entry(fen, move, win_prob)


def _with_length(data: bytes) -> bytes:
    length, header = len(data), bytearray()
    while length > 127:
        header.append(length & 127 | 128)
        length >>= 7
    header.append(length)
    return bytes(header) + data


def _string_at(data: bytes, at: int) -> tuple[str, int]:
    length = shift = 0
    while data[at] > 127:
        length |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
    length |= data[at] << shift
    end = at + 1 + length
    if end > len(data):
        raise IndexError(f"a string of {length} bytes announced, {len(data) - at - 1} found")
    return data[at + 1 : end].decode(), end


def score_of(win_prob: float) -> int:
    """A win probability -> a score. ChessBench has 0 and 1 for mates, so their distance is
    unknown."""
    if not 0 <= win_prob <= 1:
        raise BadEntry("win probability outside [0, 1]")
    return round(float(centipawns(win_prob)))


def win_prob_of(score: int) -> float:
    """The inverse of `score_of`, bit for bit as the reference computes it; mates are 0 or 1."""
    if abs(score) >= MAX_CENTIPAWNS:
        return float(score > 0)
    return 0.5 + 0.5 * (2 / (1 + math.exp(-WIN_PROBABILITY_SLOPE * score)) - 1)


def policy_of(path: str | Path) -> str:
    """The policy at the start of a file's name. Raises InputError for other names."""
    name = Path(path).name
    for policy in POLICIES:
        if name.startswith(policy):
            return policy
    raise InputError(f"expected a bag whose name starts with {', '.join(POLICIES)}, found {path}")


def read_bag(path: str, share: Share) -> Iterator[PositionRecord | Rejected]:
    """Read a bag, which may be sharded (``action_value@2148_data.bag``).

    Consecutive entries with the same FEN become one record. Moves of one position that are not
    consecutive are merged later, with the duplicates.
    """
    policy = policy_of(path)
    reader = open_bag(path)
    if isinstance(reader, Rejected):
        if share.part == 0:
            yield reader
        return
    start, end = (len(reader) * k // share.parts for k in (share.part, share.part + 1))
    size = size_of(Path(path))

    def entry(index: int) -> tuple[int, Entry | BadEntry]:
        share.consumed_bytes = size * (index - start) // (end - start)
        return index, _entry(reader, index, policy)

    numbered = map(entry, range(start, end))
    for _, group in groupby(numbered, key=lambda item: getattr(item[1], "fen", item[0])):
        yield from _records(path, list(group), share)


def _entry(reader, index: int, policy: str) -> Entry | BadEntry:
    try:
        return decode_entry(reader[index], policy)
    except BadEntry as bad:
        return bad
    except Exception as error:  # bagz raises what its C++ throws
        return BadEntry("broken bag", str(error))


def _records(
    path: str, group: list[tuple[int, Entry | BadEntry]], share: Share | None = None
) -> Iterator[PositionRecord | Rejected]:
    """The entries of one position -> its record, and a `Rejected` for each bad entry."""
    first = group[0][1]
    entries, board, clocks = [], None, False
    for number, entry in group:
        try:
            if isinstance(entry, BadEntry):
                raise entry
            if board is None:
                board, clocks = parse_fen(entry.fen, share)
            score = None if entry.win_prob is None else score_of(entry.win_prob)
            if entry.move is not None and not board.is_legal(chess.Move.from_uci(entry.move)):
                raise BadEntry("illegal move")
        except BadEntry as bad:
            yield Rejected(path, number, str(bad.args[0]), str(getattr(first, "fen", ""))[:200])
        except ValueError:
            yield Rejected(path, number, "illegal move", str(getattr(first, "fen", ""))[:200])
        else:
            entries.append((entry.move, score))
    if board is not None and entries:
        yield _record(board, clocks, entries)


def _record(
    board: chess.Board, clocks: bool, entries: list[tuple[str | None, int | None]]
) -> PositionRecord:
    """(move, score) pairs of one position, either of them None by policy -> its record."""
    state_score = next((score for move, score in entries if move is None), None)
    played = next((ACTIONS[move] for move, score in entries if move and score is None), None)
    scores = {ACTIONS[move]: score for move, score in entries if move and score is not None}
    return make_record(
        board,
        np.fromiter(scores, np.uint16),
        np.fromiter(scores.values(), np.int32),
        complete=bool(scores) and len(scores) == board.legal_moves.count(),
        clocks=clocks,
        state_score=state_score,
        played=played,
    )


def record_of(entry: Entry) -> PositionRecord:
    """A single entry -> its record. Raises BadEntry."""
    records = list(_records("", [(0, entry)]))
    if isinstance(records[0], Rejected):
        raise BadEntry(f"{records[0].reason}: {entry.fen[:100]}")
    return records[0]


def entries_of(record: PositionRecord, policy: str) -> Iterator[Entry]:
    """A record -> its entries under a policy; none if it lacks what the policy needs.

    For a position's value and the move to learn, see `records.state_score` and `records.choice`.
    """
    fen = record.board.fen()
    if policy == "action_value":
        for action, score in zip(record.actions.tolist(), record.scores.tolist(), strict=True):
            yield Entry(fen, MOVES[action], win_prob_of(score))
    elif policy == "state_value":
        score = state_score(record)
        if score is not None:
            yield Entry(fen, win_prob=win_prob_of(score))
    else:
        action = choice(record)
        if action is not None:
            yield Entry(fen, MOVES[action])
