"""Encoded records in half of their size, for transport, and back to exactly the same bytes.

Two things make them small. The legal moves follow from the position, so only their order is stored:
each move as an index into the legal moves that are left. And each field is stored together for all
records, which compresses better. About 48 bytes for a position with all moves scored.

Format: `_MAGIC`, then each of `_COLUMNS` as its length (4 bytes, little-endian) and a zstd frame.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import write_atomically
from data_pipeline.dataset import records as layout
from data_pipeline.dataset.dataset import MANIFEST, SPLITS, Dataset, Rows, write_bag
from data_pipeline.encoding.actions import action_of

FORMAT, SUFFIX = "packed", ".packed"
"""The format in a packed dataset's manifest, and the suffix of its shards."""
_MAGIC = b"argmax packed 1\n"
_COLUMNS = ("kinds", "heads", "board", "optional", "mates", "order", "distances", "best", "falls")
_COLUMNS += ("lengths", "whole")
_LENGTH = struct.Struct("<I")
_PACKED, _WHOLE = 0, 1
"""Kinds of records. A `WHOLE` one does not have all legal moves, and is stored unchanged."""
_HEAD, _LEVEL = 4, 19
_TABLES = {"heads": _HEAD, "board": 64, "mates": 2}
"""Columns with a fixed number of bytes per record, stored transposed."""


def pack(encoded: Sequence[bytes]) -> bytes:
    """Records -> their packed form; see the module's docstring."""
    import zstandard

    columns = {name: bytearray() for name in _COLUMNS}
    for data in encoded:
        found = _split(data)
        columns["kinds"].append(_WHOLE if found is None else _PACKED)
        for name, part in ({"whole": data} if found is None else found).items():
            columns[name] += part
        if found is None:
            columns["lengths"] += _LENGTH.pack(len(data))
    for name, width in _TABLES.items():
        rows = np.frombuffer(columns[name], np.uint8).reshape(-1, width)
        columns[name] = bytearray(rows.T.tobytes())
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    frames = [compressor.compress(bytes(columns[name])) for name in _COLUMNS]
    return _MAGIC + b"".join(_LENGTH.pack(len(frame)) + frame for frame in frames)


def unpack(packed: bytes) -> list[bytes]:
    """The inverse of `pack`. Raises InputError if the bytes are not those of `pack`."""
    import zstandard

    if not packed.startswith(_MAGIC):
        raise InputError(f"expected packed records, found {packed[: len(_MAGIC)]!r}")
    columns, at = {}, len(_MAGIC)
    try:
        for name in _COLUMNS:
            (length,) = _LENGTH.unpack_from(packed, at)
            at += _LENGTH.size + length
            columns[name] = zstandard.ZstdDecompressor().decompress(packed[at - length : at])
        if at != len(packed):
            raise ValueError(f"{len(packed)} bytes instead of {at}")
        return list(_rows(columns))
    except (zstandard.ZstdError, struct.error, IndexError, ValueError) as error:
        raise InputError(f"expected packed records that are whole: {error}") from None


def convert(source: Path, out: Path, workers: int) -> bool:
    """Pack a dataset into the directory ``out``, or unpack a packed one. Returns whether the result
    is packed. Raises InputError if bytes have changed since they were written."""
    packed = _is_packed(source / MANIFEST)
    if packed:
        manifest = json.loads((source / MANIFEST).read_bytes()) | {"format": "native"}
    else:
        dataset = Dataset(source)
        dataset.verify()
        manifest = dataset.manifest | {"format": FORMAT}
    work, suffix = (_unpack_shard, SUFFIX) if packed else (_pack_shard, ".bag")
    shards = sorted(source.glob(f"*-of-*{suffix}"))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(work, shards, [out] * len(shards)))
    write_atomically(out / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    if packed:
        dataset = Dataset(out)
        dataset.verify()
        for split in filter(dataset.size, SPLITS):
            dataset.records(split)
    return not packed


def _is_packed(manifest: Path) -> bool:
    try:
        return json.loads(manifest.read_bytes())["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _pack_shard(bag: Path, out: Path) -> None:
    write_atomically(out / f"{bag.stem}{SUFFIX}", pack(list(Rows(bag))))


def _unpack_shard(path: Path, out: Path) -> None:
    write_bag(out / f"{path.stem}.bag", unpack(path.read_bytes()))


def _split(data: bytes) -> dict[str, bytes] | None:
    """A record -> its part of each column; None if its moves are not all legal moves."""
    flags, _, board, at = layout.decode_position(data)
    scores_at = layout.scores_start(data)
    mating, mated, count = data[scores_at : scores_at + 3]
    left = _legal_actions(board)
    moves_at = scores_at + 3
    tail = moves_at + (count * layout.ACTION_BITS + 7) // 8
    actions = layout.unpack_actions(np.frombuffer(data[moves_at:tail], np.uint8), count).tolist()
    if not flags & layout.COMPLETE or sorted(actions) != left:
        return None
    best_at = tail + mating + mated
    return {
        "heads": data[:_HEAD],
        "board": bytes(_CODES.get(board.piece_at(square), 0) for square in chess.SQUARES),
        "optional": data[at:scores_at],
        "mates": bytes((mating, mated)),
        "order": bytes(_take(left, action) for action in actions),
        "distances": data[tail:best_at],
        "best": data[best_at : best_at + 2],
        "falls": data[best_at + 2 :],
    }


class _Reader:
    """Reads columns from start to end."""

    def __init__(self, columns: dict[str, bytes]) -> None:
        self._columns = columns
        self._at = dict.fromkeys(columns, 0)
        falls = np.frombuffer(columns["falls"], np.uint8)
        # Only the last byte of a fall is below 255.
        self._falls_end = np.concatenate(([0], np.flatnonzero(falls != 255) + 1))
        self._fallen = 0

    def table(self, name: str, width: int) -> np.ndarray:
        """[N, width]: a column with a fixed number of bytes per record."""
        return np.frombuffer(self._columns[name], np.uint8).reshape(width, -1).T

    def take(self, name: str, length: int) -> bytes:
        """The next ``length`` bytes of a column."""
        part = self._columns[name][self._at[name] : self._at[name] + length]
        if len(part) < length:
            raise ValueError(f"{name} cut short")
        self._at[name] += length
        return part

    def take_falls(self, count: int) -> bytes:
        """The bytes of the next ``count`` falls."""
        start, self._fallen = self._fallen, self._fallen + count
        return self._columns["falls"][self._falls_end[start] : self._falls_end[self._fallen]]


def _rows(columns: dict[str, bytes]) -> Iterator[bytes]:
    reader = _Reader(columns)
    tables = [reader.table(name, width) for name, width in _TABLES.items()]
    if any(len(table) != columns["kinds"].count(_PACKED) for table in tables):
        raise ValueError("columns of different lengths")
    parts = zip(*tables, strict=True)
    for kind in columns["kinds"]:
        if kind == _WHOLE:
            yield reader.take("whole", _LENGTH.unpack(reader.take("lengths", _LENGTH.size))[0])
        else:
            yield _joined(reader, *next(parts))


def _joined(reader: _Reader, head: np.ndarray, board: np.ndarray, mates: np.ndarray) -> bytes:
    """The inverse of `_split`."""
    position = _position(head.tobytes(), board)
    left = _legal_actions(layout.decode_position(position)[2])
    sizes = layout.OPTIONAL_SIZES.items()
    count, num_mates = len(left), int(mates.sum())
    actions = [left.pop(place) for place in reader.take("order", count)]
    middle = count - num_mates
    return b"".join(
        (
            position,
            reader.take("optional", sum(size for flag, size in sizes if head[0] & flag)),
            bytes((*mates, count)),
            layout.pack_actions(np.array(actions, np.uint16)),
            reader.take("distances", num_mates),
            reader.take("best", 2 * (middle > 0)),
            reader.take_falls(max(middle - 1, 0)),
        )
    )


def _position(head: bytes, codes: np.ndarray) -> bytes:
    """The first bytes of a record: its head, the occupied squares, and the pieces on them."""
    occupied = codes != 0
    nibbles = codes[occupied]
    nibbles = np.append(nibbles, np.zeros(len(nibbles) % 2, np.uint8))
    squares = np.packbits(occupied, bitorder="little").tobytes()
    return head + squares + (nibbles[::2] | nibbles[1::2] << 4).tobytes()


def _legal_actions(board: chess.Board) -> list[int]:
    return sorted(map(action_of, board.legal_moves))


def _take(left: list[int], action: int) -> int:
    """Remove an action; returns its index."""
    place = left.index(action)
    left.pop(place)
    return place


_CODES: dict[chess.Piece | None, int] = {
    chess.Piece(kind, color): kind + 8 * (color == chess.BLACK)
    for kind in chess.PIECE_TYPES
    for color in chess.COLORS
}
