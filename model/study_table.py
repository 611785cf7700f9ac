"""The table of a study: one CSV file, one row a cell; and what it says with intervals over seeds.

The same file serves all studies. A row is written when its cell is done, so a study that was killed
goes on with the cells that have no row.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from data_pipeline.dataset import write_atomically
from data_pipeline.errors import InputError
from model.intervals import t_interval
from model.study import Cell, Sweep
from model.study_evaluation import FIGURES
from model.value_losses import LossName

TABLE_FILE = "cells.csv"
_CELL = tuple(field.name for field in fields(Cell))
_MEASURED = ("parameters", *FIGURES, "seconds")
COLUMNS = (*_CELL, *_MEASURED)

Figures = dict[str, float | None]
Table = dict[Cell, Figures]

YARDSTICK: LossName = "hl-gauss"
"""The loss that the others are compared with, seed by seed."""


def read_table(path: Path) -> Table:
    """The cells that are done with their figures; none where there is no file."""
    if not path.exists():
        return {}
    kinds = {name: type(value) for name, value in asdict(Cell()).items()}
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        return {
            Cell(**{name: kinds[name](row[name]) for name in _CELL}): {
                name: float(row[name]) if row[name] else None for name in _MEASURED
            }
            for row in rows
        }
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"expected a table of a study, found something else in {path} ({error!r}); "
            "choose another --out"
        ) from None


def add_row(path: Path, cell: Cell, figures: Figures) -> None:
    """Write the table anew with one more row, whole or not at all."""
    table = read_table(path) | {cell: figures}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for done, row in table.items():
        known = {name: f"{x:.6g}" for name, x in row.items() if x is not None}
        writer.writerow(asdict(done) | known)
    write_atomically(path, text.getvalue().encode())


@dataclass(frozen=True)
class Mean:
    """A figure over seeds, with Student's 95 % interval; no ends with one seed."""

    mean: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> "Mean":
        return Mean(*t_interval(values))


@dataclass(frozen=True)
class Point:
    """A loss at one value of a factor, over its seeds."""

    loss: LossName
    value: float | str
    seeds: int
    parameters: float
    figures: dict[str, Mean]
    differences: dict[str, Mean]
    """To HL-Gauss at the same value, paired by seed: the same first weights, data and noise."""


def points(sweep: Sweep, base: Cell, seeds: int, table: Table) -> list[Point]:
    """What the table knows of a sweep, loss by loss, in the order of the factor's values."""
    found = []
    for loss in sweep.losses:
        for value in sweep.values:
            rows = _by_seed(sweep, base, seeds, table, loss, value)
            if not rows:
                continue
            others = _by_seed(sweep, base, seeds, table, YARDSTICK, value)
            figures = {name: _mean(name, rows.values()) for name in FIGURES}
            both = [seed for seed in rows if seed in others]
            differences = {
                name: _mean_difference(name, [(rows[s], others[s]) for s in both])
                for name in FIGURES
            }
            found.append(
                Point(
                    loss,
                    value,
                    len(rows),
                    next(iter(rows.values()))["parameters"] or math.nan,
                    {name: mean for name, mean in figures.items() if mean},
                    {name: mean for name, mean in differences.items() if mean},
                )
            )
    return found


def _by_seed(sweep: Sweep, base: Cell, seeds: int, table: Table, loss: str, value) -> dict:
    changes = {"loss": loss, sweep.factor: value}
    cells = {seed: replace(base, seed=seed, **changes) for seed in range(seeds)}
    return {seed: table[cell] for seed, cell in cells.items() if cell in table}


def _mean(name: str, rows) -> Mean | None:
    values = [row[name] for row in rows]
    return None if None in values else Mean.of(values)


def _mean_difference(name: str, pairs: list[tuple[Figures, Figures]]) -> Mean | None:
    values = [(a[name], b[name]) for a, b in pairs]
    known = [(a, b) for a, b in values if a is not None and b is not None]
    return Mean.of([a - b for a, b in known]) if known else None
