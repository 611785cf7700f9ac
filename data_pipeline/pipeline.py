"""The Beam pipeline: files of scored positions -> a dataset directory.

    files -> read -> (records, rejected) ; records -> shard by position hash -> deduplicate, split,
    write one shard of each split at a time

All copies of a position meet in one shard, so duplicates and splits are settled there, and what is
written depends neither on the order of the input nor on how the work was divided.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import bagz
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from data_pipeline import dataset, records
from data_pipeline.errors import InputError
from data_pipeline.sources import Rejected, read_lichess_evaluations

REJECTED = "rejected.jsonl"
_COUNTERS = "argmax"


@dataclass(frozen=True)
class ConvertOptions:
    """What to make of the input; the same options and files give the same dataset."""

    bins: int = 64
    shards: int = 8
    validation_share: float = 0.01
    test_share: float = 0.02
    teacher: str = "unknown"

    def __post_init__(self) -> None:
        if not 0 <= self.validation_share + self.test_share < 1:
            raise InputError(
                "expected shares of validation and test that leave some for training, found "
                f"{self.validation_share} and {self.test_share}"
            )

    def split_of(self, key: int) -> str:
        """A position's split by its hash: test below `test_share` of the range, then validation."""
        share = key / 2**64
        if share < self.test_share:
            return "test"
        return "validation" if share < self.test_share + self.validation_share else "train"


Keyed = tuple[int, bytes, str]
"""A position's hash, its encoded record, and the split it was given by hand (or an empty string)."""


class Read(beam.DoFn):
    """(file, split by hand) -> (shard, Keyed), and `Rejected` as the side output 'rejected'."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def process(self, element: tuple[str, str]) -> Iterator[Any]:
        """Stream one file."""
        path, split = element
        for entry in read_lichess_evaluations(path):
            if isinstance(entry, Rejected):
                Metrics.counter(_COUNTERS, f"dropped/{entry.reason}").inc()
                yield beam.pvalue.TaggedOutput("rejected", asdict(entry))
                continue
            Metrics.counter(_COUNTERS, "read").inc()
            key = dataset.position_hash(entry.board)
            yield key % self.shards, (key, records.encode(entry), split)


class WriteShard(beam.DoFn):
    """(shard, all its Keyed) -> one file a split; duplicates and splits are settled here."""

    def __init__(self, directory: str, options: ConvertOptions) -> None:
        self.directory = directory
        self.options = options

    def process(self, element: tuple[int, Iterable[Keyed | None]]) -> None:
        """Write the files of one shard."""
        shard, keyed = element
        by_split: dict[str, list[bytes]] = {split: [] for split in dataset.SPLITS}
        for key, data, split in deduplicate(entry for entry in keyed if entry):
            by_split[split or self.options.split_of(key)].append(data)
        for split, encoded in by_split.items():
            name = dataset.shard_name(split, shard, self.options.shards)
            write_bag(Path(self.directory, name), encoded)
            Metrics.counter(_COUNTERS, f"written/{split}").inc(len(encoded))


def deduplicate(keyed: Iterable[Keyed]) -> Iterator[Keyed]:
    """One entry a position, by rising hash.

    The deeper annotation wins, then the one with more moves (the longer), then the one whose bytes
    come first. A position that any source gave to a split by hand goes there: test before others.
    """
    best: dict[int, Keyed] = {}
    for entry in keyed:
        kept = best.get(entry[0])
        if kept is None:
            best[entry[0]] = entry
            continue
        Metrics.counter(_COUNTERS, "dropped/duplicate").inc()
        data = max(kept[1], entry[1], key=lambda data: (records.depth_of(data), len(data), data))
        best[entry[0]] = (entry[0], data, max(kept[2], entry[2]))
    yield from (best[key] for key in sorted(best))


def write_bag(path: Path, encoded: Iterable[bytes]) -> None:
    """Write a bag whole or not at all; no compression, records are packed already."""
    beside = path.with_name(f".{path.name}.part")
    options = bagz.Writer.Options(compression=bagz.CompressionNone())
    with bagz.Writer(str(beside), options) as writer:
        for data in encoded:
            writer.write(data)
    beside.replace(path)


def convert(
    files: list[Path],
    out: Path,
    options: ConvertOptions,
    test_files: Iterable[Path] = (),
    beam_flags: Iterable[str] = (),
) -> dict[str, Any]:
    """Run the pipeline; returns the manifest that it wrote to ``out``.

    Positions of ``test_files`` form the test split, whatever their hash, and no other split has
    them. Raises InputError if an input is missing or ``out`` holds something already.
    """
    test_files = list(test_files)
    for path in (*files, *test_files):
        if not path.is_file():
            raise InputError(f"expected a file of positions, found none at {path}")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"expected a new or empty directory, found files in {out}")
    out.mkdir(parents=True, exist_ok=True)
    if test_files:
        options = ConvertOptions(**(asdict(options) | {"test_share": 0.0}))
    inputs = [(str(path), "") for path in files] + [(str(path), "test") for path in test_files]
    counters = _run(inputs, out, options, list(beam_flags))
    manifest = {
        "format_version": dataset.FORMAT_VERSION,
        "teacher": options.teacher,
        "bins": options.bins,
        "shards": options.shards,
        "options": asdict(options),
        "counts": {split: counters.get(f"written/{split}", 0) for split in dataset.SPLITS},
        "read": counters.get("read", 0),
        "dropped": {
            name.removeprefix("dropped/"): count
            for name, count in sorted(counters.items())
            if name.startswith("dropped/")
        },
        "sources": [
            {"file": Path(path).name, "split": split or "by hash", "sha256": file_hash(path)}
            for path, split in inputs
        ],
    }
    text = json.dumps(manifest, indent=2) + "\n"
    dataset.write_atomically(out / dataset.MANIFEST, text.encode())
    return manifest


def _run(
    inputs: list[tuple[str, str]], out: Path, options: ConvertOptions, flags: list[str]
) -> dict[str, int]:
    """Run the transforms; returns Beam's counters by name."""
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(flags))
    read = (
        pipeline
        | "files" >> beam.Create(inputs)
        | "spread" >> beam.Reshuffle()
        | "read" >> beam.ParDo(Read(options.shards)).with_outputs("rejected", main="records")
    )
    # Every shard is written, also one that no position falls into.
    shards = pipeline | "shards" >> beam.Create([(shard, None) for shard in range(options.shards)])
    _ = (
        (read.records, shards)
        | "with all shards" >> beam.Flatten()
        | "gather" >> beam.GroupByKey()
        | "write" >> beam.ParDo(WriteShard(str(out), options))
    )
    _ = (
        read.rejected
        | "as JSON" >> beam.Map(json.dumps)
        | "write rejected"
        >> beam.io.WriteToText(str(out / REJECTED), num_shards=1, shard_name_template="")
    )
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace(_COUNTERS))["counters"]
    return {counter.key.metric.name: counter.committed for counter in counters}


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
