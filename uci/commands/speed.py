"""Time a move and puzzles a second of networks, side by side.

Networks: argmax (the one that ships), a network file, or with random weights a preset (9M, 136M,
270M, small, ...), board-9M (our layout, about as many parameters) and 9M-causal (a mask that lets
moves share their board). "The loop" is the reference's way: one legal move's sequence at a time.
A move is a position with all its legal moves; every figure has its median and middle 90 %.
"""

import json
from dataclasses import asdict, dataclass

import tyro

from engine.measure.options import Plan


@dataclass(frozen=True)
class Args:
    plan: tyro.conf.OmitArgPrefixes[Plan]
    networks: tyro.conf.Positional[tuple[str, ...]] = (
        "argmax",
        "board-9M",
        "9M",
        "9M-causal",
        "136M",
        "270M",
    )
    """What is timed."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Measure one network after the other and report."""
    import os

    from data_pipeline.common.terminal import progress_bar
    from engine.measure.speed import measure_apart

    rows = []
    with progress_bar("networks", len(args.networks)) as advance:
        for name in args.networks:
            rows.append(asdict(measure_apart(name, args.plan)))
            advance(len(rows))
    if args.json:
        print(json.dumps({"cores": os.cpu_count(), "networks": rows}))
    else:
        show(rows)
    return 0


def show(rows: list[dict]) -> None:
    """The figures as a table, a column a network."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    table = Table("", *(row["network"] for row in rows))
    table.add_row("layout", *(f"{row['layout']}, {row['dtype']}" for row in rows))
    table.add_row("parameters", *(f"{row['parameters']:,}" for row in rows))
    table.add_row("weights, MiB", *(f"{row['weights_mib']:.1f}" for row in rows))
    table.add_row("peak memory, MiB", *(_number(row["peak_memory_mib"]) for row in rows))
    table.add_row("positions timed", *(str(row["ms_per_move"]["count"]) for row in rows))
    table.add_row("ms a move", *(_spread(row["ms_per_move"]) for row in rows))
    table.add_row("the loop, of", *(row["loop"] for row in rows))
    table.add_row("the loop, ms a move", *(_spread(row["loop_ms_per_move"]) for row in rows))
    table.add_row("times as fast", *(_spread(row["ratio_to_loop"]) for row in rows))
    table.add_row("GFLOP a move", *(_spread(row["gflop_per_move"]) for row in rows))
    table.add_row("GFLOP/s", *(_spread(row["gflop_per_second"]) for row in rows))
    peaks = (row["matmul_peak_gflop_per_second"] for row in rows)
    table.add_row("matrix product, best GFLOP/s", *map(_number, peaks))
    table.add_row("share of it", *(_spread(row["share_of_peak"]) for row in rows))
    table.add_row("positions/s, batched", *(_spread(row["positions_per_second"]) for row in rows))
    table.add_row("puzzles/s, batched", *(_spread(row["puzzles_per_second"]) for row in rows))
    report_console().print(table)


def _spread(figure: dict | None) -> str:
    """``median [5 % - 95 %]``"""
    if figure is None:
        return ""
    low, high = (_number(figure[edge]) for edge in ("low", "high"))
    return f"{_number(figure['median'])} [{low}-{high}]"


def _number(value: float | None) -> str:
    """Three digits or all whole ones."""
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
