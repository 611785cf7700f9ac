"""Positions between two steps are stored in bags; runners never hold or send the positions.

Beam sends `Piece`s from step to step, which only say where positions are. They are grouped by
bucket. A bucket is a slice of a shard, by hash, small enough for a worker's memory. Bags never
change: a step that is repeated writes new ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from data_pipeline.beam.options import DatasetOptions
from data_pipeline.dataset.dataset import Rows, bag_writer, write_bag
from data_pipeline.dataset.records import Keyed

BUFFER_BYTES = 32 << 20
"""Positions held in memory before they are written, bucket by bucket."""
BUCKET_BYTES = 8 << 20
"""Input per bucket: about 150,000 positions of the Lichess dump, or a million of compressed PGN."""
_MAX_BUCKETS = 10_000


@dataclass(frozen=True)
class Buckets:
    """How positions are divided by their hash: into shards, and each shard into slices.

    A shard's slices are in the order of the hash, so the output does not depend on their number.
    """

    shards: int
    slices: int = 1

    @classmethod
    def of_size(cls, options: DatasetOptions, input_bytes: int) -> "Buckets":
        """Enough slices to keep each bucket small."""
        most = max(1, _MAX_BUCKETS // options.shards)
        slices = -(-input_bytes // (BUCKET_BYTES * options.shards))
        return cls(options.shards, max(1, min(slices, most)))

    def bucket_of(self, key: bytes) -> int:
        """The bucket of a position's hash."""
        number = int.from_bytes(key)
        return number % self.shards * self.slices + (number * self.slices >> 64)

    def shard_of(self, bucket: int) -> int:
        """The shard that a bucket is part of."""
        return bucket // self.slices


@dataclass(frozen=True)
class Piece:
    """Positions in a bag: the rows of some ranges, or all of them."""

    path: str
    ranges: tuple[tuple[int, int], ...] | None = None

    def __len__(self) -> int:
        if self.ranges is None:
            return len(Rows(Path(self.path)))
        return sum(stop - start for start, stop in self.ranges)

    def read(self) -> Iterator[Keyed]:
        """The positions."""
        rows = Rows(Path(self.path))
        ranges = ((0, len(rows)),) if self.ranges is None else self.ranges
        return map(_unpack, chain.from_iterable(rows.between(*found) for found in ranges))

    def blocks(self, size: int) -> Iterator["Piece"]:
        """A whole bag -> pieces of it with ``size`` positions, the last with the rest."""
        end = len(self)
        for start in range(0, end, size):
            yield Piece(self.path, ((start, min(start + size, end)),))


def read_all(pieces: Iterable[Piece]) -> Iterator[Keyed]:
    """The positions of all pieces."""
    return chain.from_iterable(piece.read() for piece in pieces)


def write_piece(path: Path, keyed: Iterable[Keyed]) -> Piece:
    """Write positions to a new bag."""
    write_bag(path, map(_pack, keyed))
    return Piece(str(path))


def divide(path: Path, keyed: Iterable[Keyed], buckets: Buckets) -> list[tuple[int, Piece]]:
    """Write positions to one bag, grouped by bucket, with at most BUFFER_BYTES in memory.

    Returns the piece of each bucket.
    """
    ranges: dict[int, list[tuple[int, int]]] = {}
    row = 0
    with bag_writer(path) as write:
        for parts in _buffered(keyed, buckets):
            for bucket, packed in sorted(parts.items()):
                ranges.setdefault(bucket, []).append((row, row + len(packed)))
                row += len(packed)
                for data in packed:
                    write(data)
    return [(bucket, Piece(str(path), tuple(found))) for bucket, found in ranges.items()]


def _buffered(keyed: Iterable[Keyed], buckets: Buckets) -> Iterator[dict[int, list[bytes]]]:
    """BUFFER_BYTES of packed positions at a time, by bucket."""
    parts: dict[int, list[bytes]] = {}
    size = 0
    for entry in keyed:
        packed = _pack(entry)
        parts.setdefault(buckets.bucket_of(entry[0]), []).append(packed)
        size += len(packed)
        if size >= BUFFER_BYTES:
            yield parts
            parts, size = {}, 0
    yield parts


def _pack(keyed: Keyed) -> bytes:
    key, data, split = keyed
    return key + split.encode() + b"\0" + data


def _unpack(packed: bytes) -> Keyed:
    split, _, data = packed[8:].partition(b"\0")
    return packed[:8], data, split.decode()
