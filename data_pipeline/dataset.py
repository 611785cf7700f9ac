"""A dataset: a directory of bag shards and ``dataset.json``, which says what is in them.

``dataset.json`` is written last, so a directory that has one is whole. Shards are bags (``bagz``),
named ``SPLIT-00000-of-00008.bag``; each record is a `records.PositionRecord`.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chess

from data_pipeline.errors import InputError
from data_pipeline.values import ValueBins

FORMAT_VERSION = 1
MANIFEST = "dataset.json"
SPLITS = ("train", "validation", "test")


def position_hash(board: chess.Board) -> int:
    """64 bits of BLAKE2 over board, side to move, castling rights and legal en passant.

    The same on every machine; splits, shards and duplicates go by it.
    """
    digest = hashlib.blake2b(board.epd().encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def shard_name(split: str, shard: int, shards: int) -> str:
    """The file name of a shard, as ``bagz`` reads sharded bags (``SPLIT@SHARDS.bag``)."""
    return f"{split}-{shard:05d}-of-{shards:05d}.bag"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or none: beside its place first, then renamed over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


class Dataset:
    """A dataset directory, opened for reading.

    Raises InputError if the directory has no ``dataset.json`` (unfinished or not a dataset), one of
    another format version, or lacks a shard.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.manifest: dict[str, Any] = _read_manifest(self.directory / MANIFEST)
        self.shards: int = self.manifest["shards"]
        self.bins = ValueBins(self.manifest["bins"])

    def size(self, split: str) -> int:
        """The number of records of a split."""
        return self.manifest["counts"].get(split, 0)

    def records(self, split: str) -> Sequence[bytes]:
        """The encoded records of a split, by random access."""
        import bagz  # here, since only training and measuring need it

        paths = [self.directory / shard_name(split, i, self.shards) for i in range(self.shards)]
        missing = [path.name for path in paths if not path.exists()]
        if missing:
            raise InputError(
                f"expected {self.shards} shards of '{split}' in {self.directory}, "
                f"{missing[0]} is missing; convert the data again"
            )
        return bagz.Reader(str(self.directory / f"{split}@{self.shards}.bag"))


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["format_version"]
    except FileNotFoundError:
        raise InputError(
            f"expected a dataset with {MANIFEST} in {path.parent}, found none; "
            "make one with 'argmax data convert'"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"expected a dataset's {MANIFEST}, found something else in {path}") from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"expected dataset format {FORMAT_VERSION}, found {version} in {path}; "
            "convert the data again"
        )
    return manifest
