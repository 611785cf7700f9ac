"""Measure networks' time per move and puzzles per second, for comparison.

Networks: argmax (the shipped one), a network file, or with random weights a preset (9M, 136M, 270M,
small, ...), board-9M (architecture board, with about as many parameters as 9M) and 9M-causal (with
a mask that lets moves share their board). "The loop" is the reference's way: one sequence at a
time, for each legal move. A move stands for a position with all its legal moves. Figures are the
median and the middle 90 %.

With --profile: where the time of a move goes, and how far each stage is from the machine's limit,
for networks of the architecture board.
"""

import json
from dataclasses import asdict, dataclass

import tyro

from engine.measure.options import Plan

NETWORKS = ("argmax", "board-9M", "9M", "9M-causal", "136M", "270M")


@dataclass(frozen=True)
class Args:
    plan: tyro.conf.OmitArgPrefixes[Plan]
    networks: tyro.conf.Positional[tuple[str, ...]] = ()
    """The networks to time (default: argmax board-9M 9M 9M-causal 136M 270M; with --profile:
    argmax)."""
    profile: bool = False
    """Time the stages of a move instead."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Measure the networks one after another and report."""
    if args.profile:
        return run_profile(args)
    import os

    from data_pipeline.common.terminal import progress_bar
    from engine.measure.speed import measure_apart

    rows = []
    names = args.networks or NETWORKS
    with progress_bar("networks", len(names)) as advance:
        for name in names:
            rows.append(asdict(measure_apart(name, args.plan)))
            advance(len(rows))
    if args.json:
        print(json.dumps({"cores": os.cpu_count(), "networks": rows}))
    else:
        show(rows)
    return 0


def run_profile(args: Args) -> int:
    """Report the stages of a move, for each network."""
    from engine.measure.move_profile import profile_move
    from uci.protocol.options import Options
    from uci.protocol.think import report

    def render(analysis, best) -> list[str]:
        return list(report(analysis, best, None, Options(), 1))

    names = args.networks or NETWORKS[:1]
    profiles = [asdict(profile_move(name, args.plan, render)) for name in names]
    if args.json:
        print(json.dumps({"profiles": profiles}))
        return 0
    for profile in profiles:
        show_profile(profile)
    return 0


def show_profile(profile: dict) -> None:
    """Print the stages of a move as a table."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    console = report_console()
    console.print(
        f"{profile['network']}: {profile['whole_ms']['count']} positions; products at "
        f"{_number(profile['product_gflop_per_second'])} GFLOP/s, copies at "
        f"{_number(profile['copy_gb_per_second'])} GB/s"
    )
    table = Table("stage", "ms", "share", "limit, ms", "times the limit")
    total = sum(stage["ms"]["median"] for stage in profile["stages"])
    for stage in profile["stages"]:
        median, limit = stage["ms"]["median"], stage["limit_ms"]
        of_limit = ("", "") if limit is None else (_number(limit), _number(median / limit))
        table.add_row(stage["name"], _spread(stage["ms"]), f"{median / total:.1%}", *of_limit)
    limit = sum(stage["limit_ms"] or 0 for stage in profile["stages"])
    table.add_section()
    table.add_row("the sum", _number(total), "", _number(limit), _number(total / limit))
    table.add_row("a whole move", _spread(profile["whole_ms"]))
    console.print(table)


def show(rows: list[dict]) -> None:
    """Print the figures as a table with a column for each network."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    table = Table("", *(row["network"] for row in rows))
    table.add_row("architecture", *(f"{row['layout']}, {row['dtype']}" for row in rows))
    table.add_row("parameters", *(f"{row['parameters']:,}" for row in rows))
    table.add_row("weights, MiB", *(f"{row['weights_mib']:.1f}" for row in rows))
    table.add_row("peak memory, MiB", *(_number(row["peak_memory_mib"]) for row in rows))
    table.add_row("positions timed", *(str(row["ms_per_move"]["count"]) for row in rows))
    table.add_row("ms per move", *(_spread(row["ms_per_move"]) for row in rows))
    table.add_row("the loop, network", *(row["loop"] for row in rows))
    table.add_row("the loop, ms per move", *(_spread(row["loop_ms_per_move"]) for row in rows))
    table.add_row("times as fast", *(_spread(row["ratio_to_loop"]) for row in rows))
    table.add_row("GFLOP per move", *(_spread(row["gflop_per_move"]) for row in rows))
    table.add_row("GFLOP/s", *(_spread(row["gflop_per_second"]) for row in rows))
    peaks = (row["matmul_peak_gflop_per_second"] for row in rows)
    table.add_row("matrix product, peak GFLOP/s", *map(_number, peaks))
    table.add_row("share of the peak", *(_spread(row["share_of_peak"]) for row in rows))
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
    """Three significant digits, or all digits of larger integers."""
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
