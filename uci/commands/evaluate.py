"""Evaluate a network against a dataset's teacher: agreement, regret, tau-b, scores, calibration.

Each position has the same weight. The network is evaluated alone, without the engine's rules.
Positions with scores for only some moves count for metrics that need no ranking; networks that
predict only moves have no such metrics. With several datasets, each gets a row. With --games, win
probabilities are also compared with the results of games.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.ranges import PositiveInt


@dataclass(frozen=True)
class Args:
    data: tuple[Path, ...] = ()
    """Dataset directories."""
    games: tuple[Path, ...] = ()
    """PGN files: compare each position's win probability (of its best move) with the game's
    result."""
    network: Path | None = None
    """The network file (default: the one that ships)."""
    split: str = "test"
    """train, validation or test."""
    limit: PositiveInt | None = None
    """Use only the first LIMIT positions of each dataset, and of the games."""
    picture: Path | None = None
    """Save the reliability curve and PIT histogram of one dataset as .svg or .png."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Evaluate and report, with 95 % intervals."""
    from data_pipeline.common.errors import InputError
    from engine.measure.game_results import read_outcomes
    from engine.play.engine import require_win_probs
    from engine.play.loading import load_predictor
    from engine.report import charts

    if not args.data and not args.games:
        raise InputError("expected --data, --games or both, found neither")
    if args.picture and len(args.data) != 1:
        raise InputError(f"expected one dataset for --picture, found {len(args.data)}")
    charts.check_picture_path(args.picture)
    datasets = [(path, read_split(path, args.split, args.limit)) for path in args.data]
    outcomes = read_outcomes(args.games, args.limit) if args.games else None
    predictor = load_predictor(args.network)
    if args.picture or args.games:
        require_win_probs(predictor)
    measured = [
        {"data": str(path), **_of_dataset(encoded, predictor), "split": args.split}
        for path, encoded in datasets
    ]
    games = {"games": _of_games(outcomes, predictor)} if outcomes else {}
    if args.picture:
        (figures,) = measured
        title = f"calibration error {figures['calibration_error']:.4f}"
        chart = charts.calibration(figures["reliability"], figures["pit_histogram"], title)
        charts.save(chart, args.picture)
    if args.json:
        found = measured[0] if len(measured) == 1 else {"datasets": measured} if measured else {}
        print(json.dumps(found | games))
        return 0
    if measured:
        (show if len(measured) == 1 else show_rows)(*measured)
    if games:
        show_games(games["games"])
    return 0


def _of_dataset(encoded, predictor) -> dict:
    from data_pipeline.common.terminal import progress_bar
    from model.evaluation.evaluate import measure, summary

    start = time.perf_counter()
    with progress_bar("positions", len(encoded)) as advance:
        figures, calibration = measure(encoded, predictor, advance)
    seconds = time.perf_counter() - start
    return summary(figures, calibration) | {
        "seconds": round(seconds, 2),
        "positions_per_second": round(len(figures.moves) / seconds, 1),
    }


def _of_games(outcomes, predictor) -> dict:
    from data_pipeline.common.terminal import progress_bar
    from engine.measure.game_results import measure_outcomes

    with progress_bar("positions of games", len(outcomes.boards)) as advance:
        return measure_outcomes(outcomes, predictor, advance)


def read_split(data: Path, split: str, limit: int | None):
    """The encoded records of a split. Raises InputError if there are none."""
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
    """Print the metrics as tables."""
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


def show_rows(*measured: dict) -> None:
    """Print the metrics of several datasets as a table, one dataset per row."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console
    from model.evaluation.evaluate import FIGURES

    names = [name for name in (*FIGURES, "calibration_error") if name != "reference_kendall_tau"]
    names = [name for name in names if any(figures[name] is not None for figures in measured)]
    table = Table("data", "positions", *(name.replace("_", " ") for name in names))
    for figures in measured:
        cells = [_with_interval(figures, name) for name in names]
        table.add_row(figures["data"], str(figures["positions"]), *cells, end_section=True)
    report_console().print(table)


def show_games(figures: dict) -> None:
    """Print the comparison of predictions with results of games as a table."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    console = report_console()
    console.print(
        f"{figures['positions']} positions of {figures['games']} games: predicted "
        f"{figures['predicted']:.4f}, scored {figures['score']:.4f}; calibration error "
        f"{_with_interval(figures, 'calibration_error')}, squared error "
        f"{_with_interval(figures, 'squared_error')}"
    )
    if figures["left_out"]:
        reasons = ", ".join(f"{number} {why}" for why, number in figures["left_out"].items())
        console.print(f"games left out: {reasons}")
    table = Table("predicted", "positions", "scored", "95 %")
    for point in figures["reliability"]:
        shown = (f"{point['predicted']:.3f}", str(point["count"]), f"{point['score']:.3f}")
        table.add_row(*shown, f"{point['low']:.3f} to {point['high']:.3f}")
    console.print(table)


def _with_interval(figures: dict, name: str) -> str:
    if figures[name] is None:
        return ""
    low, high = figures["intervals_95"][name]
    return f"{figures[name]:.4f} ({low:.4f} to {high:.4f})"
