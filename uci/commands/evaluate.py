"""A network's values against a dataset's teacher: agreement, regret, tau-b, scores, calibration.

Each position weighs the same, whatever its number of moves. Measured is the bare network, without
what the rules decide in play. Positions of which not all moves are annotated count for the figures
that need no ranking; networks that only know moves have no others.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.ranges import PositiveInt


@dataclass(frozen=True)
class Args:
    data: Path
    """The dataset directory."""
    network: Path | None = None
    """The network file (default: the one that ships)."""
    split: str = "test"
    """train, validation or test."""
    limit: PositiveInt | None = None
    """Take only the first LIMIT positions."""
    picture: Path | None = None
    """Save the reliability curve and the PIT histogram as .svg or .png."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Measure and report, every figure with its 95 % interval."""
    from data_pipeline.common.terminal import progress_bar
    from engine.play.engine import require_win_probs
    from engine.play.loading import load_predictor
    from engine.report import charts
    from model.evaluation.evaluate import measure, summary

    charts.check_picture_path(args.picture)
    encoded = read_split(args.data, args.split, args.limit)
    predictor = load_predictor(args.network)
    if args.picture:
        require_win_probs(predictor)
    start = time.perf_counter()
    with progress_bar("positions", len(encoded)) as advance:
        rows, calibration = measure(encoded, predictor, advance)
    seconds = time.perf_counter() - start
    figures = summary(rows, calibration) | {
        "seconds": round(seconds, 2),
        "positions_per_second": round(len(rows.moves) / seconds, 1),
        "split": args.split,
    }
    if args.picture:
        error = figures["calibration_error"]
        title = f"calibration error {error:.4f}"
        chart = charts.calibration(figures["reliability"], figures["pit_histogram"], title)
        charts.save(chart, args.picture)
    if args.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def read_split(data: Path, split: str, limit: int | None):
    """The encoded records of a split. Raises InputError where there are none."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.dataset.dataset import SPLITS, Dataset

    if split not in SPLITS:
        raise InputError(f"expected a split ({', '.join(SPLITS)}), found {split!r}")
    dataset = Dataset(data)
    if not dataset.size(split):
        raise InputError(f"expected positions in the {split} split of {data}, found none")
    encoded = dataset.records(split)
    if limit is None or limit >= len(encoded):
        dataset.verify(split)
    return [encoded[i] for i in range(len(encoded) if limit is None else min(limit, len(encoded)))]


def show(figures: dict) -> None:
    """The figures as tables on standard output."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console
    from model.evaluation.evaluate import FIGURES

    console = report_console()
    console.print(
        f"{figures['positions']} positions, {figures['moves']} moves, in {figures['seconds']} s "
        f"({figures['positions_per_second']:.0f} positions/s)"
    )
    names = {name: name.replace("_", " ") for name in (*FIGURES, "calibration_error")}
    names["reference_kendall_tau"] = "tau as the reference computes it"
    table = Table("figure", "all", "95 %", *figures["by_phase"])
    for name, shown in names.items():
        if figures[name] is None:
            continue
        low, high = figures["intervals_95"][name]
        parts = [part.get(name) for part in figures["by_phase"].values()]
        cells = ["" if part is None else f"{part:.4f}" for part in parts]
        table.add_row(shown, f"{figures[name]:.4f}", f"{low:.4f} to {high:.4f}", *cells)
    console.print(table)
    pieces = Table("pieces", "positions", "agreement", "regret", "tau-b", "squared error")
    for name, part in figures["by_pieces"].items():
        keys = ("agreement", "regret", "kendall_tau_b", "squared_error")
        cells = ["" if part[key] is None else f"{part[key]:.4f}" for key in keys]
        pieces.add_row(name, str(part["positions"]), *cells)
    console.print(pieces)
