"""Reading files line by line, and writing them whole or not at all."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

MAX_LINE_BYTES = 1 << 20


def temporary_beside(path: Path) -> Path:
    """A place for the unfinished file that no other writer takes, on this machine or another."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or none: beside its place first, then renamed over it."""
    beside = temporary_beside(path)
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def open_lines(
    path: str | Path, on_read: Callable[[int], None] = lambda position: None
) -> Iterator[bytes]:
    """The lines of a file, plain or zstd-compressed (also of several frames), without line ends.

    ``on_read`` is told how many bytes of the file have been read, as they are.

    Raises EOFError where a zstd frame is cut short or a line is longer than MAX_LINE_BYTES, and
    ZstdError for what is not zstd.
    """
    with open(path, "rb") as raw:
        rest = b""
        for chunk in _decompressed(raw) if str(path).endswith(".zst") else _chunks(raw):
            on_read(raw.tell())
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
