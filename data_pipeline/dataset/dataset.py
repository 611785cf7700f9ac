"""A dataset: a directory of bag shards, with ``dataset.json`` to describe them.

``dataset.json`` is written last, so a directory that has one is complete. Shards are bags
(``bagz``) named ``SPLIT-00000-of-00008.bag``; each record is an encoded `records.PositionRecord`.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import chess

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.files import temporary_beside
from data_pipeline.common.plain_text import say
from data_pipeline.dataset.records import decode
from data_pipeline.encoding.values import ValueBins

FORMAT_VERSION = 1
MANIFEST = "dataset.json"
SPLITS = ("train", "validation", "test")
MAX_SHARDS = 99_999
"""A shard's index has five digits in its file name."""
MAX_BINS = 65_536


def position_hash(board: chess.Board) -> bytes:
    """Eight bytes of BLAKE2 over pieces, side to move, castling rights and legal en passant.

    The same on every machine; it determines splits, shards and duplicates.
    """
    return hashlib.blake2b(board.epd().encode(), digest_size=8).digest()


def shard_name(split: str, shard: int, shards: int) -> str:
    """The file name of a shard, as ``bagz`` expects for sharded bags (``SPLIT@SHARDS.bag``)."""
    return f"{split}-{shard:05d}-of-{shards:05d}.bag"


@contextmanager
def bag_writer(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields a function that adds a record to a bag. The bag is written atomically when the block
    ends without an error, and without compression, since records are compact already.

    Raises ArgmaxError if the disk is full.
    """
    import bagz

    temporary = temporary_beside(path)
    options = bagz.Writer.Options(compression=bagz.CompressionNone())

    def checked(do: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return do(*arguments)
        except ValueError as error:  # what bagz raises
            raise ArgmaxError(f"cannot write {path}: {error}; free space and run again") from error

    try:
        writer = checked(bagz.Writer, str(temporary), options)
        yield partial(checked, writer.write)
        checked(writer.close)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"limits.{temporary.name}").unlink(missing_ok=True)


def write_bag(path: Path, records: Iterable[bytes]) -> None:
    """Write a bag atomically; see `bag_writer`."""
    with bag_writer(path) as write:
        for data in records:
            write(data)


_ROWS_AT_ONCE = 1000


class Rows(Sequence[bytes]):
    """The records of a bag, which may be sharded (``train@8.bag``), by random access.

    Raises InputError, which names the shard, if it is not a bag or if a record cannot be read.
    """

    def __init__(self, path: Path) -> None:
        import bagz  # not at the top: only training and evaluation need it

        self._path = path
        try:
            self._reader = bagz.Reader(str(path))
            self._length = len(self._reader)
        except Exception as error:  # bagz raises what its C++ throws
            raise self._wrong(None, error) from None

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return self._reader[row]
        except IndexError:
            raise
        except Exception as error:
            raise self._wrong(row, error) from None

    def __iter__(self) -> Iterator[bytes]:
        return self.between(0, self._length)

    def between(self, start: int, stop: int) -> Iterator[bytes]:
        """The records from one row up to another, read _ROWS_AT_ONCE at a time."""
        for first in range(start, stop, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, stop - first)
            try:
                found = self._reader.read_range(first, count)
            except Exception:  # bagz raises what its C++ throws; the row is found one by one
                found = map(self.__getitem__, range(first, first + count))
            yield from found

    def _wrong(self, row: int | None, error: Exception) -> InputError:
        """The error for a row, or for the whole bag."""
        text = " ".join(str(error).split())[:200]
        shard = self._shard_of(row, text)
        found = "one that is cut short or damaged" if shard.exists() else "none"
        return InputError(f"expected a bag at {shard}, found {found} ({text})")

    def _shard_of(self, row: int | None, error: str) -> Path:
        """The shard of an error: the one that it names, or the one of the row."""
        import bagz

        shards = files_of(self._path)
        named = re.search(r"at file (\d+)", error)
        if named and int(named[1]) < len(shards):
            return shards[int(named[1])]
        before = 0
        for shard in shards:
            try:
                before += len(bagz.Reader(str(shard)))
            except Exception:  # bagz raises what its C++ throws
                return shard
            if row is not None and row < before:
                return shard
        return self._path


def files_of(path: Path) -> list[Path]:
    """A file, or all shards of a bag named ``NAME@SHARDS.bag`` or ``NAME@SHARDS_data.bag``.

    Raises InputError for more than MAX_SHARDS.
    """
    sharded = re.fullmatch(r"(.*)@(\d+)(.*\.bag)", path.name)
    if not sharded:
        return [path]
    name, digits, rest = sharded.groups()
    shards = int(digits) if len(digits) < 9 else MAX_SHARDS + 1
    if not 1 <= shards <= MAX_SHARDS:
        raise InputError(f"expected a bag of 1 to {MAX_SHARDS} shards, found {path}")
    return [path.with_name(f"{name}-{i:05d}-of-{shards:05d}{rest}") for i in range(shards)]


def checksum(paths: Iterable[Path]) -> str:
    """SHA-256 of the concatenated contents of files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
    return digest.hexdigest()


class Dataset:
    """A dataset directory, opened for reading.

    Raises InputError if the directory has no ``dataset.json`` (it is unfinished, or not a dataset),
    if the format version is another one, or if a shard is missing.
    """

    decode = staticmethod(decode)

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.manifest: dict[str, Any] = _read_manifest(self.directory / MANIFEST)
        self.shards: int = self.manifest["shards"]
        self.bins = ValueBins(self.manifest["bins"])

    def size(self, split: str) -> int:
        """The number of records of a split."""
        return self.manifest.get("counts", {}).get(split, 0)

    def records(self, split: str) -> Sequence[bytes]:
        """The encoded records of a split, by random access."""
        missing = [path.name for path in self._files(split) if not path.exists()]
        if missing:
            raise InputError(
                f"expected {self.shards} shards of '{split}' in {self.directory}, "
                f"{missing[0]} is missing; convert the data again"
            )
        return Rows(self.directory / f"{split}@{self.shards}.bag")

    def verify(self, *splits: str) -> bool:
        """Check the shards of these splits (by default all) against their checksums, which takes
        about a second per gigabyte. False, with a note, for a dataset without checksums.

        Raises InputError, which names the shard, if its bytes have changed.
        """
        checksums = self.manifest.get("checksums")
        if not checksums:
            say(
                f"{self.directory} has no checksums, so its shards are not checked", file=sys.stderr
            )
            return False
        for path in (path for split in splits or SPLITS for path in self._files(split)):
            if path.exists() and checksum([path]) != checksums.get(path.name):
                raise InputError(
                    f"expected {path} as it was written, found other bytes (by its checksum in "
                    f"{MANIFEST}); convert the data again, or read what is whole of it with "
                    f"'argmax data convert {path}'"
                )
        return True

    def _files(self, split: str) -> list[Path]:
        return [self.directory / shard_name(split, i, self.shards) for i in range(self.shards)]


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"expected a dataset's {MANIFEST}, found something else in {path}"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"expected dataset format {FORMAT_VERSION}, found {str(version)[:40]} in {path}; "
            "convert the data again"
        )
    if manifest.get("format") == "packed":
        raise InputError(
            f"expected a native dataset, found a packed one in {path.parent}; unpack it with "
            f"'argmax data pack {path.parent} --out DIR'"
        )
    if manifest.get("format", "native") != "native":
        raise InputError(
            f"expected a native dataset, found bags of {str(manifest['format'])[:40]} in "
            f"{path.parent}; 'argmax data convert' reads them"
        )
    _check_manifest(manifest, path)
    return manifest


def _check_manifest(manifest: dict[str, Any], path: Path) -> None:
    """Raise InputError for numbers out of range, before they are used."""

    def check(name: str, value: Any, low: int, high: int) -> None:
        if type(value) is not int or not low <= value <= high:
            raise InputError(
                f"expected {name} of {low} to {high:,} in {path}, found {json.dumps(value)[:40]}; "
                "convert the data again"
            )

    check("shards", manifest.get("shards"), 1, MAX_SHARDS)
    check("bins", manifest.get("bins"), 2, MAX_BINS)
    for name in ("counts", "dropped", "checksums"):
        if not isinstance(manifest.get(name, {}), dict):
            raise InputError(f"expected {name} by name in {path}, found something else")
    for name in ("counts", "dropped"):
        for key, count in manifest.get(name, {}).items():
            check(f"a count for {str(key)[:40]!r}", count, 0, 1 << 48)
