"""Compare losses in short trainings by loss, factor and seed: a table and charts with intervals.

losses: six losses with default settings. noise: noisy and flipped targets. bins: 8 to 256 bins, and
sigma. scale: 0.1 M to 4 M parameters. rates: the learning rate. bootstrap: without a teacher, from
games and the network's own values. moving-targets: kinds of targets there. representation: linear
probes of the trunks of `losses`. All studies share the cells in --out; a study that was stopped
resumes its current cell. Without --data it only shows what is done.
"""

import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import PositiveInt

if TYPE_CHECKING:
    from engine.study.grid import Cell
    from engine.study.recipe_trials import Trial
    from engine.study.table import Figures, Point


@dataclass(frozen=True)
class Args:
    name: tyro.conf.Positional[str]
    """losses, noise, bins, scale, rates, bootstrap, moving-targets or representation."""
    out: Path
    """The directory of the table (cells.csv), the charts and the networks."""
    data: Path | None = None
    """The dataset directory; without it, nothing is trained."""
    games: Path | None = None
    """For bootstrap and moving-targets: a PGN file of finished games, for example of a match."""
    steps: PositiveInt = 1600
    """Training steps of each cell."""
    batch_size: PositiveInt = 128
    """Positions per step."""
    seeds: PositiveInt = 3
    """Number of seeds for each cell, starting with 0."""
    positions: PositiveInt = 8192
    """Number of test positions."""
    cpu_devices: PositiveInt | None = None
    """Number of CPU devices that share a batch (default: one per core, if it divides the batch)."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Train the missing cells, then draw and print the results in the table."""
    from data_pipeline.common.errors import InputError
    from engine.study.grid import STUDIES, Cell, cells_of
    from engine.study.probes import PROBES_FILE, untrained_points
    from engine.study.table import TABLE_FILE, points, read_table

    base = Cell(steps=args.steps, batch_size=args.batch_size)
    cells = cells_of(args.name, args.seeds, base)
    if args.data is not None:
        train(args, args.data, cells)
    probes = args.name == "representation"
    table = read_table(args.out / (PROBES_FILE if probes else TABLE_FILE))
    if not any(cell in table for cell in cells):
        raise InputError(
            f"expected cells of the study {args.name} with {args.steps} steps in {args.out}, found "
            "none; give --data to train them"
        )
    found = {s.factor: points(s, base, args.seeds, table) for s in STUDIES[args.name]}
    if probes:
        found["untrained"] = untrained_points(base, args.seeds, table)
    draw(args, found)
    if args.json:
        print(json.dumps(as_json(args.name, found, cells, table)))
    else:
        show(found)
    return 0


def train(args: Args, data: Path, cells: "list[Cell]") -> None:
    """Train and evaluate the missing cells; prints a line on standard error for each."""
    from model.training.runtime import keep_freed_memory

    keep_freed_memory()
    from data_pipeline.common.terminal import progress_bar
    from data_pipeline.dataset.dataset import Dataset
    from engine.study.probes import run_probes
    from engine.study.run import run_cells
    from model.training.runtime import share_batches

    share_batches(args.batch_size, args.cpu_devices)
    dataset = Dataset(data)
    with progress_bar("steps", sum(cell.steps for cell in cells)) as advance:
        run_cells(cells, dataset, args.games, args.out, args.positions, advance, report)
    if args.name == "representation":
        with progress_bar("probes", len(cells) + args.seeds) as advance:
            run_probes(cells, dataset, args.out, args.positions, advance)


def report(trained: "Cell | Trial", figures: "Figures") -> None:
    """Print a line on standard error for a finished training."""
    texts = [f"{name} {value:.4f}" for name, value in figures.items() if value is not None]
    say(f"{trained.name}: " + "  ".join(texts), file=sys.stderr, flush=True)


def draw(args: Args, found: "dict[str, list[Point]]") -> None:
    """Draw a chart for each sweep: OUT/STUDY.svg, or OUT/STUDY-FACTOR.svg with several values."""
    from engine.report.charts import save
    from engine.study.charts import probe_chart, sweep_chart
    from engine.study.grid import STUDIES

    for sweep in STUDIES[args.name]:
        points = found[sweep.factor]
        seeds = max((point.seeds for point in points), default=0)
        positions = args.steps * args.batch_size
        spread = f"{seeds} seeds, 95 % intervals over seeds" if seeds > 1 else "one seed"
        title = f"{args.name}: {positions:,} positions, {spread}"
        single = len(sweep.values) == 1
        path = args.out / (f"{args.name}.svg" if single else f"{args.name}-{sweep.factor}.svg")
        if "untrained" in found:
            chart = probe_chart(points, found["untrained"], f"{title}\ndashed: untrained")
        else:
            chart = sweep_chart(sweep, points, title)
        save(chart, path)
        say(f"drawn: {path}", file=sys.stderr)


def as_json(name: str, found: "dict[str, list[Point]]", cells, table) -> dict:
    """The results of all sweeps as a JSON object."""
    sweeps = {factor: [asdict(point) for point in points] for factor, points in found.items()}
    counts = {"cells": len(cells), "done": sum(cell in table for cell in cells)}
    return {"study": name, **counts, "sweeps": plain(sweeps)}


def plain(value: Any) -> Any:
    """A value for JSON, in which infinite numbers are replaced by null."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(found: "dict[str, list[Point]]") -> None:
    """Print tables of all metrics, with half the width of their interval after the sign."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    console = report_console()
    for factor, points in found.items():
        names = list(dict.fromkeys(name for point in points for name in point.figures))
        columns = [name.replace("_", " ") for name in names]
        table = Table("loss", factor.replace("_", " "), "seeds", *columns)
        for point in points:
            loss = "" if factor == "untrained" else point.loss
            cells = point.texts(names)
            table.add_row(loss, f"{point.value}", f"{point.seeds}", *cells)
        console.print(table)
