"""Never half a dataset: work goes on in ``OUT.unfinished``, which becomes ``OUT`` when all is done.

The rule for a run that was interrupted: run again with the same arguments, it starts over, but
takes the blocks of engine work that it finds done (see `blocks`). Nothing else in
``OUT.unfinished`` is used again, and no run touches an ``OUT`` with anything in it.
"""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import lock, temporary_beside, write_atomically


@dataclass(frozen=True)
class Staging:
    """The parts of an unfinished dataset's directory."""

    root: Path

    @property
    def dataset(self) -> Path:
        """What becomes the dataset."""
        return self.root / "dataset"

    @property
    def blocks(self) -> Path:
        """Finished blocks of engine work."""
        return self.root / "blocks"

    @property
    def pieces(self) -> Path:
        """Positions between two steps; see the module `pieces`."""
        return self.root / "pieces"

    @property
    def left_out(self) -> Path:
        """The hashes of positions that no split may have, one after another."""
        return self.root / "left_out"

    @property
    def rejected(self) -> Path:
        """Rejected entries, in a file per part of the input."""
        return self.root / "rejected"

    @property
    def counts(self) -> Path:
        """What each piece of work counted, a file each."""
        return self.root / "counts"

    @property
    def progress(self) -> Path:
        """How far the work is, for the progress line."""
        return self.root / "progress"


@contextmanager
def staging(out: Path, left_out: Iterable[bytes] = ()) -> Iterator[Staging]:
    """An empty place to make ``out`` in, moved to ``out`` if the block ends well.

    ``left_out``: the hashes for `Staging.left_out`.

    Raises InputError if ``out`` holds something or another run is making it.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"expected a new or empty directory, found files in {out}")
    place = Staging(out.with_name(f"{out.name}.unfinished"))
    place.blocks.mkdir(parents=True, exist_ok=True)
    with lock(place.root / "lock", f"make {out}"):
        for directory in (
            place.dataset,
            place.pieces,
            place.rejected,
            place.counts,
            place.progress,
        ):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        place.left_out.write_bytes(b"".join(sorted(left_out)))
        yield place
        os.replace(place.dataset, out)
        shutil.rmtree(place.root)


@contextmanager
def counting(place: Staging, piece: str) -> Iterator[Counter[str]]:
    """Counts of one piece of work, kept if the block ends well.

    Each piece has a file of its own, so one that a runner does twice counts once. (Beam's own
    counters do not serve: clusters count every attempt, or nothing.)
    """
    counts: Counter[str] = Counter()
    yield counts
    if counts:
        write_atomically(counts_file(place, piece), json.dumps(counts).encode())


def counts_file(place: Staging, piece: str) -> Path:
    """The file with the counts of a piece of work; it exists once the work is done."""
    return place.counts / f"{piece}.json"


def total_counts(place: Staging) -> Counter[str]:
    """The sum over all pieces of work."""
    total: Counter[str] = Counter()
    for path in place.counts.glob("[!.]*.json"):
        total.update(json.loads(path.read_text()))
    return total


class Tally:
    """Running counts for the progress line: written to a file now and then."""

    def __init__(self, path: Path, interval_seconds: float = 0.3) -> None:
        self._path = path
        self._interval = interval_seconds
        self._written = 0.0
        self.counts: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int]) -> None:
        """Count something."""
        self.counts.update(counts)
        if time.monotonic() - self._written > self._interval:
            self.flush()

    def flush(self) -> None:
        """Write the counts now."""
        self._written = time.monotonic()
        beside = temporary_beside(self._path)
        beside.write_text(json.dumps(self.counts))
        os.replace(beside, self._path)


def read_tallies(directory: Path) -> Counter[str]:
    """The sum of all running counts."""
    total: Counter[str] = Counter()
    for path in directory.glob("[!.]*.json"):
        try:
            total.update(json.loads(path.read_text()))
        except (OSError, ValueError):
            continue  # the worker is gone, or the run is over
    return total
