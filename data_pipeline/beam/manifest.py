"""The last files of a dataset: ``rejected.jsonl``, and ``dataset.json`` which describes it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any

from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.staging import Staging
from data_pipeline.beam.transforms import shard_path
from data_pipeline.common.errors import ArgmaxError
from data_pipeline.common.files import write_atomically
from data_pipeline.dataset import dataset

REJECTED = "rejected.jsonl"


def finish(
    place: Staging,
    options: DatasetOptions,
    counters: Mapping[str, int],
    sources: list[dict[str, Any]],
) -> dict[str, Any]:
    """Write both files into the unfinished dataset, the manifest last; returns the manifest.

    Raises ArgmaxError where a shard is missing, as after a runner that only planned the work.
    """
    _check_shards(place, options)
    for left_over in place.dataset.rglob(".*"):  # by a worker that was killed
        left_over.unlink()
    rejected = sorted(place.rejected.glob("[!.]*"))
    with open(place.dataset / REJECTED, "w", encoding="utf-8") as file:
        for _, parts in groupby(rejected, key=lambda path: path.name[:5]):
            lines = [line for part in parts for line in part.read_text("utf-8").splitlines(True)]
            file.writelines(sorted(lines, key=lambda line: json.loads(line)["line"]))
    manifest = {
        "format_version": dataset.FORMAT_VERSION,
        "format": options.format,
        "argmax_version": _version(),
        "teacher": options.teacher,
        "bins": options.bins,
        "shards": options.shards,
        "options": asdict(options),
        "counts": _by_split("written", counters),
        **({} if options.format == "native" else {"entries": _by_split("entries", counters)}),
        "read": counters.get("read", 0),
        "rejected": counters.get("rejected", 0),
        "annotated": counters.get("annotated", 0),
        "engine_restarts": counters.get("engine restarts", 0),
        "dropped": _counts_of("dropped", counters),
        "mended": _counts_of("mended", counters),
        "value_bins": [counters.get(f"bin/{value}", 0) for value in range(options.bins)],
        "sources": sources,
        "checksums": {
            path.relative_to(place.dataset).as_posix(): file_hash(path)
            for path in sorted(place.dataset.rglob("*.bag"))
        },
    }
    text = json.dumps(manifest, indent=2) + "\n"
    write_atomically(place.dataset / dataset.MANIFEST, text.encode())
    return manifest


def _check_shards(place: Staging, options: DatasetOptions) -> None:
    paths = [
        shard_path(options, split, shard)
        for split in dataset.SPLITS
        for shard in range(options.shards)
    ]
    missing = [path for path in paths if not (place.dataset / path).exists()]
    if missing:
        raise ArgmaxError(
            f"expected {len(paths)} shards from the runner, found {len(paths) - len(missing)} "
            f"(not {missing[0]}); take a runner that does the work, whose workers write to "
            f"{place.root}"
        )


def _by_split(kind: str, counters: Mapping[str, int]) -> dict[str, int]:
    return {split: counters.get(f"{kind}/{split}", 0) for split in dataset.SPLITS}


def _counts_of(kind: str, counters: Mapping[str, int]) -> dict[str, int]:
    start = f"{kind}/"
    return {
        name.removeprefix(start): number
        for name, number in sorted(counters.items())
        if name.startswith(start) and number
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes (of a sharded bag's files, one after the other), in hexadecimal."""
    return dataset.checksum(dataset.files_of(path))


def _version() -> str:
    try:
        return version("argmax-chess")
    except PackageNotFoundError:
        return "unknown"
