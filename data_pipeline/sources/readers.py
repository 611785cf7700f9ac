"""The reader of a file, by its name; and the readers of FEN lists and of datasets."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import SPLITS, Dataset, files_of
from data_pipeline.dataset.records import PositionRecord, decode
from data_pipeline.sources.chessbench import read_bag
from data_pipeline.sources.entries import (
    Reader,
    Rejected,
    Share,
    open_bag,
    parse_fen,
    read_lines,
    size_of,
    unscored,
)
from data_pipeline.sources.lichess import read_lichess_evaluations
from data_pipeline.sources.pgn import read_pgn


def reader_of(path: str | Path) -> Reader:
    """The reader of a file, by its name. Raises InputError for an unknown suffix."""
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


def inputs_of(path: Path) -> list[tuple[Path, str]]:
    """What a path given by a user stands for: a file of positions, or the shards of each split of a
    dataset's directory; with the split, which is empty for a file.

    Raises InputError if it is missing, damaged or of an unknown kind.
    """
    found = [(path, "")]
    if path.is_dir():
        data = Dataset(path)
        data.verify()
        found = [
            (path / f"{split}@{data.shards}.bag", split) for split in SPLITS if data.size(split)
        ]
    for file, _ in found:
        if not all(shard.is_file() for shard in files_of(file)):
            raise InputError(f"expected a file of positions, found none at {file}")
        reader_of(file)
    return found


def read_inputs(path: Path) -> Iterator[PositionRecord | Rejected]:
    """All entries of a file or a dataset, in order. Raises InputError as `inputs_of`."""
    for file, _ in inputs_of(path):
        yield from reader_of(file)(str(file), Share())


_SHARDS_OF_A_DATASET = re.compile(r"(train|validation|test)(@\d+|-\d+-of-\d+)\.bag")


def parse_fen_line(line: bytes, share: Share | None = None) -> PositionRecord | None:
    """A line of a FEN or EPD list -> a record without moves; empty lines and # comments -> None."""
    text = line.decode("utf-8", "replace").strip()
    if not text or text.startswith("#"):
        return None
    board, clocks = parse_fen(text, share)
    return unscored(board, clocks=clocks)


read_fens: Reader = functools.partial(read_lines, parse=parse_fen_line)
"""FEN and EPD lists (.fen, .epd, .txt, also .zst)."""


def read_shards(path: str, share: Share) -> Iterator[PositionRecord | Rejected]:
    """Read the shards of a dataset (``train@8.bag``)."""
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
        except Exception as error:  # what bagz's C++ throws, or a record that cannot be decoded
            yield Rejected(path, row, "broken record", str(error)[:200])
