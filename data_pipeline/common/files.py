"""Reading files line by line in little memory, writing them atomically, locking them."""

import codecs
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from data_pipeline.common.errors import InputError

MAX_LINE_BYTES = 1 << 20
"""Longer lines are truncated, so that they never fill memory."""
_CHUNK_BYTES = 1 << 16
_FEED_BYTES = 512
"""Compressed bytes per call: zstd expands 4 bytes to at most 128 KiB, so these to 16 MiB."""
_MAX_WINDOW_BYTES = 1 << 31
_GZIP, _ZSTD = "gzip", "zstd"
MAGIC = {
    b"\x28\xb5\x2f\xfd": _ZSTD,
    **{bytes((0x50 + i, 0x2A, 0x4D, 0x18)): _ZSTD for i in range(16)},
    b"\x1f\x8b": _GZIP,
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf": "7-Zip",
}
"""How compressed files start, and their format."""


class BrokenFile(InputError):
    """A file that cannot be read to its end. ``reason`` is short, for counting."""

    def __init__(self, path: str | Path, reason: str, detail: str) -> None:
        super().__init__(f"expected a whole file at {path}, found: {reason} ({detail})")
        self.reason, self.detail = reason, detail


def temporary_beside(path: Path) -> Path:
    """A path next to ``path`` for an unfinished file; unique, also across machines."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary file next to it, which then replaces it."""
    temporary = temporary_beside(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` in this context, so that only one process does ``what``.

    The file is removed at the end; one left by a killed process does not lock. Raises InputError if
    another process holds the lock.
    """
    import fcntl  # not at the top: Windows, where one can only play, does not have it

    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise InputError(
                f"expected to {what} alone, found another run at it; wait for its end"
            ) from None
        if path.exists() and os.path.samestat(os.stat(path), os.fstat(file)):
            break
        os.close(file)  # the previous holder removed the file meanwhile
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def numbered_lines(
    path: str | Path, on_read: Callable[[int], None] = lambda position: None
) -> Iterator[tuple[int, bytes]]:
    """The lines of a text file, numbered from 1, without line ends.

    Plain, zstd or gzip, by content; several compressed frames are read as one file. A byte order
    mark is skipped; UTF-16 with a mark is converted to UTF-8. Of a line longer than MAX_LINE_BYTES,
    the first MAX_LINE_BYTES + 1 bytes are returned. Of many empty lines in a row, some are left
    out. ``on_read`` gets the number of bytes of the (compressed) file read so far.

    Raises BrokenFile if the file cannot be read to its end.
    """
    number, rest = 1, b""
    with open(path, "rb") as raw:
        for chunk in _text(path, raw, on_read):
            if not rest and not chunk.strip(b"\n"):
                yield from ((number + i, b"") for i in range(min(2, len(chunk))))
                number += len(chunk)
                continue
            first, *others = chunk.split(b"\n")
            if len(rest) <= MAX_LINE_BYTES:
                rest += first
            for line in others:
                yield number, rest[: MAX_LINE_BYTES + 1].rstrip(b"\r")
                number, rest = number + 1, line
    if rest:
        yield number, rest[: MAX_LINE_BYTES + 1].rstrip(b"\r")


def _text(path: str | Path, raw: BinaryIO, on_read: Callable[[int], None]) -> Iterator[bytes]:
    """Decompressed UTF-8 in chunks of at most _CHUNK_BYTES, without a byte order mark."""
    start = raw.read(8)
    raw.seek(0)
    kind = next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)
    if kind == _ZSTD or kind is None:
        chunks = _chunks(raw, on_read) if kind is None else _of_zstd(path, raw, on_read)
    elif kind == _GZIP:
        chunks = _of_gzip(path, raw, on_read)
    else:
        raise BrokenFile(path, f"{kind} data", "only zstd and gzip can be decompressed")
    if kind is None and start and str(path).endswith(".zst"):
        raise BrokenFile(path, "not zstd data", "its name ends in .zst")
    decoder = None
    for number, chunk in enumerate(filter(None, chunks)):
        if not number:
            if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        yield decoder.decode(chunk).encode("utf-8", "replace") if decoder else chunk


def _chunks(
    raw: BinaryIO, on_read: Callable[[int], None], size: int = _CHUNK_BYTES
) -> Iterator[bytes]:
    while chunk := raw.read(size):
        on_read(raw.tell())
        yield chunk


def _sliced(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK_BYTES):
        yield data[start : start + _CHUNK_BYTES]


def _of_zstd(path: str | Path, raw: BinaryIO, on_read: Callable[[int], None]) -> Iterator[bytes]:
    frame, decompressed = None, b""
    try:
        for chunk in _chunks(raw, on_read, _FEED_BYTES):
            while chunk:
                frame = frame or _zstd_frame()
                decompressed += frame.decompress(chunk)
                if len(decompressed) >= _CHUNK_BYTES:
                    yield from _sliced(decompressed)
                    decompressed = b""
                chunk = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    except zstandard.ZstdError as error:
        yield from _sliced(decompressed)
        raise BrokenFile(path, "broken zstd data", str(error)) from None
    yield from _sliced(decompressed)
    if frame:
        raise BrokenFile(path, "truncated file", "it ends within a zstd frame")


def _zstd_frame():
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()


def _of_gzip(path: str | Path, raw: BinaryIO, on_read: Callable[[int], None]) -> Iterator[bytes]:
    member = None
    try:
        for chunk in _chunks(raw, on_read):
            while chunk:
                member = member or zlib.decompressobj(31)
                yield member.decompress(chunk, _CHUNK_BYTES)
                chunk = member.unused_data if member.eof else member.unconsumed_tail
                member = None if member.eof else member
        while member and (rest := member.decompress(b"", _CHUNK_BYTES)):
            yield rest
        member = None if member and member.eof else member
    except zlib.error as error:
        raise BrokenFile(path, "broken gzip data", str(error)) from None
    if member:
        raise BrokenFile(path, "truncated file", "it ends within gzip data")
