"""A dataset: a directory of bag shards and ``dataset.json``, which says what is in them.

``dataset.json`` is written last, so a directory that has one is whole. Shards are bags (``bagz``),
named ``SPLIT-00000-of-00008.bag``; each record is a `records.PositionRecord`.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import chess

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.files import temporary_beside
from data_pipeline.dataset.records import decode
from data_pipeline.encoding.values import ValueBins

FORMAT_VERSION = 1
MANIFEST = "dataset.json"
SPLITS = ("train", "validation", "test")


def position_hash(board: chess.Board) -> bytes:
    """Eight bytes of BLAKE2 over board, side to move, castling rights and legal en passant.

    The same on every machine; splits, shards and duplicates go by it.
    """
    return hashlib.blake2b(board.epd().encode(), digest_size=8).digest()


def shard_name(split: str, shard: int, shards: int) -> str:
    """The file name of a shard, as ``bagz`` reads sharded bags (``SPLIT@SHARDS.bag``)."""
    return f"{split}-{shard:05d}-of-{shards:05d}.bag"


def write_bag(path: Path, records: Iterable[bytes]) -> None:
    """Write a bag whole or not at all; without compression, since records are packed already.

    Raises ArgmaxError where the disk is full.
    """
    import bagz

    beside = temporary_beside(path)
    try:
        options = bagz.Writer.Options(compression=bagz.CompressionNone())
        with bagz.Writer(str(beside), options) as writer:
            for data in records:
                writer.write(data)
        os.replace(beside, path)
    except ValueError as error:  # what bagz raises
        raise ArgmaxError(f"cannot write {path}: {error}; free space and run again") from error
    finally:
        beside.unlink(missing_ok=True)
        beside.with_name(f"limits.{beside.name}").unlink(missing_ok=True)


class Dataset:
    """A dataset directory, opened for reading.

    Raises InputError if the directory has no ``dataset.json`` (unfinished or not a dataset), one of
    another format version, or lacks a shard.
    """

    decode = staticmethod(decode)

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
    except NotADirectoryError:
        raise InputError(
            f"expected a dataset's directory, found the file {path.parent}; "
            "make a dataset of it with 'argmax data convert'"
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"expected a dataset with {MANIFEST} in {path.parent}, found none; "
            "make one with 'argmax data convert'"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"expected a dataset's {MANIFEST}, found something else in {path}"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"expected dataset format {FORMAT_VERSION}, found {version} in {path}; "
            "convert the data again"
        )
    if manifest.get("format", "native") != "native":
        raise InputError(
            f"expected a native dataset, found bags of {manifest['format']} in {path.parent}; "
            "'argmax data convert' reads them"
        )
    return manifest
