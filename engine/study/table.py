"""The table of a study: a CSV file with a row for each cell; and its means with intervals over
seeds.

All studies share one file. A row is written when its cell is done, so that a study that was killed
continues with the cells without a row. Several processes, such as one per core, can share a table:
each works on cells that no other process works on.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import write_atomically
from data_pipeline.common.intervals import t_interval
from engine.study.grid import Cell, Sweep
from model.targets.value_losses import LossName

TABLE_FILE = "cells.csv"
COUNTS = ("parameters", "seconds")
"""Columns of a row that are not metrics."""

C = TypeVar("C")
_DEFAULT = Cell()
Figures = dict[str, float | None]
Table = dict[Cell, Figures]

BASELINE: LossName = "hl-gauss"
"""The loss that the others are compared with, seed by seed."""


def read_table(path: Path, default: C = _DEFAULT) -> dict[C, Figures]:
    """The cells that are done, with their figures; empty if there is no file.

    ``default``: a dataclass of the table's kind of cell. Its values fill columns that tables of
    older versions lack; the first column is required. Raises InputError for any other file.
    """
    if not path.exists():
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text()), strict=True))
        return {_cell(row, default): _figures(row, default) for row in rows}
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"expected a table of a study, found something else in {path} ({error!r}); "
            "choose another --out"
        ) from None


def _cell(row: dict[str, str], default: C) -> C:
    kinds = {name: type(value) for name, value in vars(default).items()}
    first = next(iter(kinds))
    if first not in row:
        raise KeyError(first)
    return type(default)(**{name: kind(row[name]) for name, kind in kinds.items() if name in row})


def _figures(row: dict[str, str], default: Any) -> Figures:
    return {name: float(x) if x else None for name, x in row.items() if name not in vars(default)}


def cells_to_do(path: Path, cells: Sequence[C]) -> Iterator[C]:
    """The cells that have no row in the table ``path`` and that no other process works on; each is
    locked until the next one is requested."""
    claims = path.parent / ".claims"
    for cell in cells:
        lock = _lock(claims / f"{cell.name}.lock")  # pyright: ignore[reportAttributeAccessIssue]
        if lock.acquire(blocking=False):
            try:
                if cell not in read_table(path, cell):
                    yield cell
            finally:
                lock.release()


def add_row(path: Path, cell: Any, figures: Figures) -> None:
    """Add a row to the table, atomically."""
    with _lock(path.parent / ".claims" / f"{path.name}.lock"):
        write_table(path, read_table(path, cell) | {cell: figures})


def _lock(path: Path):
    """A lock between processes; it is released when the process that holds it ends."""
    from fasteners import InterProcessLock  # here, since only training needs it

    return InterProcessLock(path)


def write_table(path: Path, table: dict[C, Figures]) -> None:
    """The inverse of `read_table`, to eight digits, atomically. ``table`` must not be empty."""
    columns = vars(next(iter(table)))
    text = io.StringIO()
    measured = {name: None for row in table.values() for name in row}
    writer = csv.DictWriter(text, (*columns, *measured), lineterminator="\n")
    writer.writeheader()
    for done, row in table.items():
        known = {name: f"{x:.8g}" for name, x in row.items() if x is not None}
        writer.writerow(vars(done) | known)
    write_atomically(path, text.getvalue().encode())


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Mean":
        """With Student's interval, which is infinite for one seed."""
        return Mean(*t_interval(values))

    def text(self, sign: str = "") -> str:
        """The mean ± half the width of the interval, or the mean alone for one seed.

        ``sign``: that of Python's format, ``+`` for differences.
        """
        reach = self.high - self.mean
        return f"{self.mean:{sign}.4f}" + (f" ± {reach:.4f}" if math.isfinite(reach) else "")


@dataclass(frozen=True)
class Point:
    """A loss at one value of a factor, over its seeds."""

    loss: LossName
    value: float | str
    seeds: int
    parameters: float
    figures: dict[str, Mean]
    differences: dict[str, Mean]
    """Differences from HL-Gauss at the same value, paired by seed: the same initial weights, data
    and noise."""

    def texts(self, names: Iterable[str]) -> list[str]:
        """The figures with these names as text; an empty text for a missing one."""
        return [self.figures[name].text() if name in self.figures else "" for name in names]


def points(sweep: Sweep, base: Cell, seeds: int, table: Table) -> list[Point]:
    """The points of a sweep that are in the table, by loss, then by the factor's value."""
    found = []
    for loss in sweep.losses:
        for value in sweep.values:
            rows = _by_seed(sweep, base, seeds, table, loss, value)
            if rows:
                others = _by_seed(sweep, base, seeds, table, BASELINE, value)
                found.append(_point(loss, value, rows, others))
    return found


def _point(
    loss: LossName, value: float | str, rows: dict[int, Figures], others: dict[int, Figures]
) -> Point:
    """A point from rows by seed, and from those of the loss that it is compared with."""
    first = next(iter(rows.values()))
    figures, differences = {}, {}
    for name in first:
        own = {seed: x for seed, row in rows.items() if (x := row[name]) is not None}
        other = {seed: x for seed, row in others.items() if (x := row[name]) is not None}
        if name in COUNTS or not own:
            continue
        figures[name] = Mean.of(list(own.values()))
        if both := own.keys() & other.keys():
            differences[name] = Mean.of([own[seed] - other[seed] for seed in sorted(both)])
    return Point(loss, value, len(rows), first.get("parameters") or math.nan, figures, differences)


def _by_seed(
    sweep: Sweep, base: Cell, seeds: int, table: Table, loss: LossName, value
) -> dict[int, Figures]:
    cells = {seed: sweep.cell(replace(base, seed=seed), loss, value) for seed in range(seeds)}
    return {seed: table[cell] for seed, cell in cells.items() if cell in table}
