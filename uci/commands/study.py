"""Compare losses: short trainings by loss, factor and seed, as a table and charts with intervals.

losses: six losses as they are. noise: noisy and flipped targets. bins: 8 to 256 bins, and sigma.
scale: 0.1 M to 4 M parameters. rates: the learning rate. All studies share the cells in --out; one
that was stopped goes on with the cell it was at. Without --data it only shows what is done.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    from model.study import Cell
    from model.study_table import Point


@dataclass(frozen=True)
class Args:
    name: tyro.conf.Positional[str]
    """losses, noise, bins, scale or rates."""
    out: Path
    """The directory of the table (cells.csv), the charts and the networks."""
    data: Path | None = None
    """The dataset directory; without it nothing is trained."""
    steps: int = 1600
    """Training steps of a cell."""
    batch_size: int = 128
    """Positions a step."""
    seeds: int = 3
    """Runs of each cell, by seeds from 0 on."""
    positions: int = 8192
    """Test positions."""
    cpu_devices: int | None = None
    """On CPUs: how many devices share a batch; by default one a core, if the batch divides."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Train the cells that are missing; then draw and say what the table holds."""
    from data_pipeline.errors import InputError
    from model.study import STUDIES, Cell, cells_of
    from model.study_table import TABLE_FILE, points, read_table

    base = Cell(steps=args.steps, batch_size=args.batch_size)
    cells = cells_of(args.name, args.seeds, base)
    if args.data is not None:
        train(args, args.data, cells)
    table = read_table(args.out / TABLE_FILE)
    if not any(cell in table for cell in cells):
        raise InputError(
            f"expected cells of the study {args.name} with {args.steps} steps in {args.out}, found "
            "none; give --data to train them"
        )
    found = {s.factor: points(s, base, args.seeds, table) for s in STUDIES[args.name]}
    for sweep in STUDIES[args.name]:
        draw(args, sweep, found[sweep.factor])
    if args.json:
        print(json.dumps(as_json(args.name, found, cells, table)))
    else:
        show(found)
    return 0


def train(args: Args, data: Path, cells: "list[Cell]") -> None:
    """Train and measure what is missing; a line on standard error for each cell."""
    from model.memory import keep_freed_memory

    keep_freed_memory()
    import os

    import jax

    from data_pipeline.dataset import Dataset
    from model.study_run import run_cells
    from uci.progress import progress_bar

    def report(cell: "Cell", figures: dict) -> None:
        texts = [f"{name} {value:.4f}" for name, value in figures.items() if value is not None]
        print(f"{cell.name}: " + "  ".join(texts), file=sys.stderr, flush=True)

    cores = os.cpu_count() or 1
    jax.config.update(
        "jax_num_cpu_devices", args.cpu_devices or (cores if args.batch_size % cores == 0 else 1)
    )
    with progress_bar("steps", sum(cell.steps for cell in cells)) as advance:
        run_cells(cells, Dataset(data), args.out, args.positions, advance, report)


def draw(args: Args, sweep, found: "list[Point]") -> None:
    """A chart for each sweep, OUT/STUDY-FACTOR.svg."""
    from engine.charts import save
    from engine.study_charts import sweep_chart

    seeds = max(point.seeds for point in found) if found else 0
    positions = args.steps * args.batch_size
    title = f"{args.name}: {positions:,} positions, {seeds} seeds, 95 % intervals over seeds"
    single = len(sweep.values) == 1
    path = args.out / (f"{args.name}.svg" if single else f"{args.name}-{sweep.factor}.svg")
    save(sweep_chart(sweep, found, title), path)
    print(f"drawn: {path}", file=sys.stderr)


def as_json(name: str, found: "dict[str, list[Point]]", cells, table) -> dict:
    """What was found, sweep by sweep."""
    sweeps = {factor: [asdict(point) for point in points] for factor, points in found.items()}
    counts = {"cells": len(cells), "done": sum(cell in table for cell in cells)}
    return {"study": name, **counts, "sweeps": plain(sweeps)}


def plain(value: Any) -> Any:
    """JSON knows no infinity: intervals without ends have null there."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and value in (float("inf"), -float("inf")) else value


def show(found: "dict[str, list[Point]]") -> None:
    """Tables on standard output: each figure with its interval, half its width after the sign."""
    from rich.console import Console
    from rich.table import Table

    from model.study_evaluation import FIGURES

    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    for factor, points in found.items():
        columns = [name.replace("_", " ") for name in FIGURES]
        table = Table("loss", factor.replace("_", " "), "seeds", *columns)
        for point in points:
            cells = [interval(point.figures.get(name)) for name in FIGURES]
            table.add_row(point.loss, f"{point.value}", f"{point.seeds}", *cells)
        console.print(table)


def interval(mean) -> str:
    """A mean, and how far its interval reaches; the mean alone where there is one seed."""
    if mean is None:
        return ""
    reach = mean.high - mean.mean
    return f"{mean.mean:.4f}" + (f" ± {reach:.4f}" if reach < float("inf") else "")
