"""The steps of the pipeline as Beam transforms: read, deduplicate, annotate, write.

Between the steps positions travel in chunks (lists of `Keyed`), since Beam's cost is per element.
All copies of a position meet in one shard, by its hash, so what is written depends neither on the
order of the input nor on how the work was divided.
"""

import itertools
import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from data_pipeline.beam import selection
from data_pipeline.beam.deduplication import deduplicate
from data_pipeline.beam.engine_work import Work, Worker
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.staging import Staging, Tally, counting
from data_pipeline.dataset import dataset, records
from data_pipeline.dataset.records import Keyed
from data_pipeline.encoding.values import ValueBins
from data_pipeline.sources import chessbench
from data_pipeline.sources.entries import Rejected, Share
from data_pipeline.sources.readers import reader_of
from data_pipeline.teachers import endgames

CHUNK = 256
MAX_REJECTED_LINES = 10_000
"""Of a piece of work; all are counted."""

Chunks = Any
"""A `beam.PCollection` of chunks, ``list[Keyed]``; Beam's pipe operator has no types of its own."""


@dataclass(frozen=True)
class InputPart:
    """A share of a file for one worker to read, and the split that its positions go to by hand."""

    file: int
    path: str
    size: int
    split: str
    part: int
    parts: int


class Step(beam.DoFn):
    """What the steps have in common: the place they work in and a tally for the progress line."""

    def __init__(self, place: Staging, options: DatasetOptions) -> None:
        self.place = place
        self.options = options

    def setup(self) -> None:
        """Once per worker."""
        self.tally = Tally(self.place.progress / f"{uuid.uuid4().hex}.json")

    def finish_bundle(self) -> None:
        """Once per bundle."""
        self.tally.flush()


class Read(Step):
    """`InputPart` -> (shard, chunk); rejected entries go to a file of the part's own."""

    def process(self, element: InputPart) -> Iterator[tuple[int, list[Keyed]]]:
        """Stream one part of a file; memory holds one chunk a shard."""
        share = Share(element.part, element.parts)
        chunks: dict[int, list[Keyed]] = {}
        name = f"{element.file:05d}-{element.part:03d}"
        with (
            counting(self.place, f"read-{name}") as counts,
            rejections(self.place.rejected / f"{name}.jsonl", counts) as reject,
        ):
            entries = reader_of(element.path)(element.path, share)
            for entry in self._counted(entries, share, counts):
                if isinstance(entry, Rejected):
                    counts["rejected"] += 1
                    reject(entry)
                    continue
                if self.options.exact and not element.split:
                    entry = endgames.exactly(entry)
                key = dataset.position_hash(entry.board)
                if not self._wanted(key, entry, counts):
                    continue
                shard = self.options.shard_of(key)
                chunk = chunks.setdefault(shard, [])
                chunk.append((key, records.encode(entry), element.split))
                if len(chunk) == CHUNK:
                    yield shard, chunks.pop(shard)
            for name, number in share.mended.items():
                counts[f"mended/{name}"] += number
        self.tally.add("read_bytes", (element.size - share.consumed_bytes) // element.parts)
        yield from chunks.items()

    def _counted(self, entries: Iterable[Any], share: Share, counts: Counter[str]) -> Iterator[Any]:
        """Keep the counts and the tally."""
        consumed = 0
        for entry in entries:
            if not isinstance(entry, Rejected):
                counts["read"] += 1
                self.tally.add("read")
            if share.consumed_bytes > consumed:
                self.tally.add("read_bytes", (share.consumed_bytes - consumed) // share.parts)
                consumed = share.consumed_bytes
            yield entry

    def _wanted(self, key: bytes, record: records.PositionRecord, counts: Counter[str]) -> bool:
        options = self.options
        if record.ply is not None and record.ply < options.min_ply:
            counts["dropped/before min-ply"] += 1
            return False
        if options.sample < 1 and selection.lot(key, selection.SAMPLE) >= options.sample:
            counts["dropped/not in the sample"] += 1
            return False
        return True


@contextmanager
def rejections(path: Path, counts: Counter[str]) -> Iterator[Callable[[Rejected], None]]:
    """Counts rejected entries and writes the first MAX_REJECTED_LINES of them to a file, which is
    there whole or not at all."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    entries = 0
    with open(beside, "w", encoding="utf-8") as file:

        def reject(entry: Rejected) -> None:
            nonlocal entries
            entries += 1
            counts[f"dropped/{entry.reason}"] += 1
            if entries <= MAX_REJECTED_LINES:
                file.write(json.dumps(asdict(entry)) + "\n")

        yield reject
    if entries:
        os.replace(beside, path)
    else:
        beside.unlink()
        path.unlink(missing_ok=True)  # of an attempt before this one


class Deduplicate(Step):
    """(shard, its chunks) -> chunks without duplicates and without what cannot be used."""

    def __init__(self, place: Staging, options: DatasetOptions, annotate: bool) -> None:
        super().__init__(place, options)
        self.annotate = annotate

    def process(self, element: tuple[int, Iterable[list[Keyed]]]) -> Iterator[list[Keyed]]:
        """Settle one shard."""
        shard, chunks = element
        with counting(self.place, f"deduplicate-{shard:05d}") as counts:
            kept, counts["dropped/duplicate"] = deduplicate(itertools.chain.from_iterable(chunks))
            usable = [keyed for keyed in kept if self._usable(keyed, counts)]
        if self.annotate:
            self.tally.add("to_annotate", len(usable))
        for start in range(0, len(usable), CHUNK):
            yield usable[start : start + CHUNK]

    def _usable(self, keyed: Keyed, counts: Counter[str]) -> bool:
        if self.annotate:
            if any(records.decode(keyed[1]).board.legal_moves):
                return True
            counts["dropped/game over"] += 1
            return False
        if self.options.keep_unscored or records.num_scored_moves(keyed[1]):
            return True
        counts["dropped/no scored moves"] += 1
        return False


class DoWork(Step):
    """Blocks -> chunks, by an engine that lives as long as the worker."""

    def __init__(self, place: Staging, options: DatasetOptions, work: Work, read: bool) -> None:
        super().__init__(place, options)
        self.work = work
        self.read = read
        """Whether the positions come from the work itself, and count as read here."""

    def setup(self) -> None:
        super().setup()
        self.worker = Worker(self.work, self.place.blocks)

    def process(self, element: list[Any]) -> Iterator[list[Keyed]]:
        """Do one block."""
        before = self.worker.restarts
        results = self.worker.do(element)
        done: list[Keyed] = [result for result in results if not isinstance(result, Rejected)]
        name = f"engine-{self.worker.name_of(element)}"
        with (
            counting(self.place, name) as counts,
            rejections(self.place.rejected / f"{name}.jsonl", counts) as reject,
        ):
            counts["engine restarts"] = self.worker.restarts - before
            counts["annotated"] = len(done)
            if self.read:
                counts["read"] = len(results)
            for result in results:
                if isinstance(result, Rejected):
                    reject(result)
        self.tally.add("annotated", len(done))
        self.tally.add("games", len(element))
        yield done

    def teardown(self) -> None:
        """End the engine."""
        self.worker.close()


class WriteShard(Step):
    """(shard, all its chunks) -> its files, one a split."""

    def process(self, element: tuple[int, Iterable[list[Keyed]]]) -> None:
        """Write the files of one shard."""
        shard, chunks = element
        with counting(self.place, f"write-{shard:05d}") as counts:
            kept, counts["dropped/duplicate"] = deduplicate(itertools.chain.from_iterable(chunks))
            self._write(shard, kept, counts)
        self.tally.add("shards")

    def _write(self, shard: int, kept: list[Keyed], counts: Counter[str]) -> None:
        rows: dict[str, list[bytes]] = {split: [] for split in dataset.SPLITS}
        bins = ValueBins(self.options.bins)
        for key, data, by_hand in kept:
            split = by_hand or self.options.split_of(key)
            encoded = self._encoded(data)
            if not encoded:
                counts[f"dropped/nothing for {self.options.format}"] += 1
                continue
            rows[split] += encoded
            counts[f"written/{split}"] += 1
            counts[f"bin/{records.value_bin(data, bins)}"] += 1
        for split, encoded in rows.items():
            path = self.place.dataset / shard_path(self.options, split, shard)
            path.parent.mkdir(exist_ok=True)
            dataset.write_bag(path, encoded)
            if self.options.format != "native":
                counts[f"entries/{split}"] = len(encoded)
            self.tally.add("written", len(encoded))

    def _encoded(self, data: bytes) -> list[bytes]:
        """A position -> what is written of it: its record, or its ChessBench entries."""
        if self.options.format == "native":
            return [data]
        entries = chessbench.entries_of(records.decode(data), self.options.format)
        return [chessbench.encode_entry(entry) for entry in entries]


def shard_path(options: DatasetOptions, split: str, shard: int) -> str:
    """A shard's path in the dataset: ours, or as the reference's loader looks for it."""
    if options.format == "native":
        return dataset.shard_name(split, shard, options.shards)
    if options.shards == 1:
        return f"{split}/{options.format}_data.bag"
    return f"{split}/{options.format}-{shard:05d}-of-{options.shards:05d}_data.bag"


def by_shard(chunk: list[Keyed], options: DatasetOptions) -> Iterator[tuple[int, list[Keyed]]]:
    """A chunk -> (shard, the part of the chunk that belongs there)."""
    parts: dict[int, list[Keyed]] = {}
    for keyed in chunk:
        parts.setdefault(options.shard_of(keyed[0]), []).append(keyed)
    yield from parts.items()
