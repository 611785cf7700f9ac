"""The steps of the pipeline as Beam transforms: read, deduplicate, annotate, write.

Between the steps positions lie in files (see `pieces`); what Beam sends says where. All copies of a
position meet in one bucket, by its hash, so what is written depends neither on the order of the
input nor on how the work was divided.
"""

import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam

from data_pipeline.beam import selection, staging
from data_pipeline.beam.deduplication import deduplicate
from data_pipeline.beam.engine_work import Work, idle_workers
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets, Piece, divide, read_all, write_piece
from data_pipeline.beam.staging import Staging, Tally
from data_pipeline.common.files import temporary_beside
from data_pipeline.dataset import dataset, records
from data_pipeline.dataset.records import Keyed
from data_pipeline.encoding.values import ValueBins
from data_pipeline.sources import chessbench
from data_pipeline.sources.entries import Rejected, Share
from data_pipeline.sources.readers import reader_of
from data_pipeline.teachers import endgames

BLOCK = 256
"""Positions that an engine scores in one piece of work."""
MAX_REJECTED_LINES = 10_000
"""Of a piece of work; all are counted."""

Pieces = Any
"""A `beam.PCollection` of ``(bucket, Piece)``; Beam's pipe operator has no types of its own."""


@dataclass(frozen=True)
class InputPart:
    """A share of a file for one worker to read, and the split that its positions go to by hand."""

    file: int
    path: str
    size: int
    split: str
    part: int
    parts: int

    @property
    def name(self) -> str:
        """Its numbers, for names of files."""
        return f"{self.file:05d}-{self.part:03d}"


@dataclass(frozen=True)
class Run:
    """What every step needs to know about the dataset."""

    place: Staging
    options: DatasetOptions
    buckets: Buckets


class Step(beam.DoFn):
    """Base of the steps: the run, and counts of the work that is done."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.place = run.place
        self.options = run.options

    def setup(self) -> None:
        """Once per worker, or more often."""
        self.tally = Tally(self.place.progress / f"{uuid.uuid4().hex}.json")

    def finish_bundle(self) -> None:
        """Once per bundle."""
        if self.tally.counts:
            self.tally.flush()

    def new_bag(self, name: str) -> Path:
        """A new file for positions; another attempt at the same work gets another one."""
        return self.place.pieces / f"{name}-{uuid.uuid4().hex}.bag"

    @contextmanager
    def counting(self, piece: str) -> Iterator[Counter[str]]:
        """Counts of a piece of work (see `staging.counting`), which also go to the progress line,
        but only once if the work is repeated."""
        repeated = staging.counts_file(self.place, piece).exists()
        with staging.counting(self.place, piece) as counts:
            yield counts
        if not repeated:
            self.tally.add(counts)


class Read(Step):
    """(number, parts of files) -> (bucket, piece); each part has its own file of rejected
    entries."""

    def process(self, element: tuple[int, Iterable[InputPart]]) -> Iterator[tuple[int, Piece]]:
        """Read some parts."""
        for part in element[1]:
            yield from self.read(part)

    def read(self, part: InputPart) -> list[tuple[int, Piece]]:
        """Stream one part of a file."""
        share = Share(part.part, part.parts)
        name = f"read-{part.name}"
        # Of this part alone, so that it starts from zero if the part is read again.
        tally = Tally(self.place.progress / f"{name}.json")
        with (
            staging.counting(self.place, name) as counts,
            rejections(self.place.rejected / f"{part.name}.jsonl", counts) as reject,
        ):
            entries = reader_of(part.path)(part.path, share)
            entries = self._counted(entries, share, counts, tally)
            kept = self._kept(entries, part.split, counts, reject)
            pieces = divide(self.new_bag(name), kept, self.run.buckets)
            for mended, number in share.mended.items():
                counts[f"mended/{mended}"] += number
        tally.add({"read_bytes": (part.size - share.consumed_bytes) // part.parts})
        tally.flush()
        return pieces

    def _kept(
        self,
        entries: Iterable[records.PositionRecord | Rejected],
        split: str,
        counts: Counter[str],
        reject: Callable[[Rejected], None],
    ) -> Iterator[Keyed]:
        """The selected positions, encoded."""
        for entry in entries:
            if isinstance(entry, Rejected):
                counts["rejected"] += 1
                reject(entry)
                continue
            if self.options.exact and not split:
                entry = endgames.exactly(entry)
            key = dataset.position_hash(entry.board)
            if self._wanted(key, entry, counts):
                yield key, records.encode(entry), split

    def _counted(
        self, entries: Iterable[Any], share: Share, counts: Counter[str], tally: Tally
    ) -> Iterator[Any]:
        """Keep the counts and the tally."""
        consumed = 0
        for entry in entries:
            if not isinstance(entry, Rejected):
                counts["read"] += 1
                tally.add({"read": 1})
            if share.consumed_bytes > consumed:
                tally.add({"read_bytes": (share.consumed_bytes - consumed) // share.parts})
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
    temporary = temporary_beside(path)
    entries = 0
    with open(temporary, "w", encoding="utf-8") as file:

        def reject(entry: Rejected) -> None:
            nonlocal entries
            entries += 1
            counts[f"dropped/{entry.reason}"] += 1
            if entries <= MAX_REJECTED_LINES:
                file.write(json.dumps(asdict(entry)) + "\n")

        yield reject
    if entries:
        os.replace(temporary, path)
    else:
        temporary.unlink()
        path.unlink(missing_ok=True)  # of an attempt before this one


class Deduplicate(Step):
    """(bucket, its pieces) -> one piece without duplicates and without what cannot be used or is to
    be left out."""

    def __init__(self, run: Run, annotate: bool) -> None:
        super().__init__(run)
        self.annotate = annotate

    def setup(self) -> None:
        super().setup()
        hashes = self.place.left_out.read_bytes()
        self.left_out = {hashes[i : i + 8] for i in range(0, len(hashes), 8)}

    def process(self, element: tuple[int, Iterable[Piece]]) -> Iterator[tuple[int, Piece]]:
        """Settle one bucket."""
        bucket, pieces = element
        name = f"deduplicate-{bucket:05d}"
        with self.counting(name) as counts:
            kept, counts["dropped/duplicate"] = deduplicate(read_all(pieces))
            usable = [keyed for keyed in kept if self._usable(keyed, counts)]
            piece = write_piece(self.new_bag(name), usable)
        yield bucket, piece

    def _usable(self, keyed: Keyed, counts: Counter[str]) -> bool:
        if keyed[0] in self.left_out:
            counts["dropped/left out"] += 1
            return False
        if self.annotate:
            if any(records.decode(keyed[1]).board.legal_moves):
                return True
            counts["dropped/game over"] += 1
            return False
        if self.options.keep_unscored or records.num_scored_moves(keyed[1]):
            return True
        counts["dropped/no scored moves"] += 1
        return False


class Blocks(Step):
    """(bucket, piece) -> ((bucket, number), block) for an engine."""

    def process(self, element: tuple[int, Piece]) -> Iterator[tuple[tuple[int, int], Piece]]:
        """Cut one piece."""
        bucket, piece = element
        with self.counting(f"blocks-{bucket:05d}") as counts:
            counts["to annotate"] = len(piece)
        for number, block in enumerate(piece.blocks(BLOCK)):
            yield (bucket, number), block


class DoWork(Step):
    """(key, blocks) -> (key, piece) for each, by an engine that lives as long as the process."""

    def __init__(self, run: Run, work: Work, read: bool) -> None:
        super().__init__(run)
        self.work = work
        self.read = read
        """Whether the positions come from the work itself, and count as read here."""

    def setup(self) -> None:
        super().setup()
        self.worker = idle_workers.take(self.work, self.place.blocks)

    def process(self, element: tuple[Any, Iterable[Any]]) -> Iterator[tuple[Any, Piece]]:
        """Do blocks: positions in a piece, or openings."""
        key, blocks = element
        for block in blocks:
            yield key, self._done(list(block.read()) if isinstance(block, Piece) else block)

    def _done(self, block: list[Any]) -> Piece:
        before = self.worker.restarts
        results = self.worker.do(block)
        done: list[Keyed] = [result for result in results if not isinstance(result, Rejected)]
        path = self.worker.path_of(block)
        name = f"engine-{path.stem}"
        with (
            self.counting(name) as counts,
            rejections(self.place.rejected / f"{name}.jsonl", counts) as reject,
        ):
            counts["engine restarts"] = self.worker.restarts - before
            counts["annotated"] = len(done)
            if self.read:
                counts["read"] = len(results)
                counts["games"] = len(block)
            for result in results:
                if isinstance(result, Rejected):
                    reject(result)
        if len(done) == len(results):
            return Piece(str(path))
        # Not kept by the worker, so the next run tries the failures again.
        return write_piece(self.new_bag(name), done)

    def teardown(self) -> None:
        """Keep the engine for the next bundle."""
        idle_workers.give_back(self.worker)


class Divide(Step):
    """(number, pieces with positions of all buckets) -> (bucket, piece)."""

    def process(self, element: tuple[int, Iterable[Piece]]) -> Iterator[tuple[int, Piece]]:
        """Divide some pieces."""
        number, pieces = element
        path = self.new_bag(f"divide-{number:05d}")
        yield from divide(path, read_all(pieces), self.run.buckets)


class WriteShard(Step):
    """(shard, all its pieces with their buckets) -> its files, one a split."""

    def process(self, element: tuple[int, Iterable[tuple[int, Piece] | None]]) -> None:
        """Write the files of one shard, bucket by bucket. Every shard has a None as well."""
        shard, found = element
        by_bucket: dict[int, list[Piece]] = {}
        for bucket, piece in filter(None, found):
            by_bucket.setdefault(bucket, []).append(piece)
        keyed = (
            entry for _, pieces in sorted(by_bucket.items()) for entry in sorted(read_all(pieces))
        )
        with self.counting(f"write-{shard:05d}") as counts:
            self._write(shard, keyed, counts)
            counts["shards"] = 1

    def _write(self, shard: int, keyed: Iterable[Keyed], counts: Counter[str]) -> None:
        bins = ValueBins(self.options.bins)
        with ExitStack() as stack:
            writers = {
                split: stack.enter_context(self._file(split, shard)) for split in dataset.SPLITS
            }
            for key, data, by_hand in keyed:
                split = by_hand or self.options.split_of(key)
                encoded = self._encoded(data)
                if not encoded:
                    counts[f"dropped/nothing for {self.options.format}"] += 1
                    continue
                for entry in encoded:
                    writers[split](entry)
                counts[f"written/{split}"] += 1
                counts[f"bin/{records.value_bin(data, bins)}"] += 1
                if self.options.format != "native":
                    counts[f"entries/{split}"] += len(encoded)

    def _file(self, split: str, shard: int) -> AbstractContextManager[Callable[[bytes], None]]:
        path = self.place.dataset / shard_path(self.options, split, shard)
        path.parent.mkdir(exist_ok=True)
        return dataset.bag_writer(path)

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
