"""Solve Lichess puzzles: the whole solution counts, and any mate in one is accepted."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import PositiveInt


@dataclass(frozen=True)
class Args:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """Lichess puzzle files (.csv, .csv.zst)."""
    limit: PositiveInt | None = None
    """Use only the first LIMIT valid puzzles."""
    player: str = "network"
    """The solver: network:FILE,rules=off,... or another player of 'argmax match'."""
    network: Path | None = None
    """Short for --player network:FILE."""
    picture: Path | None = None
    """Save the solve rate by puzzle rating as .svg or .png."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Read, solve in batches, and report rates with 95 % intervals."""
    from data_pipeline.common.terminal import progress_bar
    from engine.match.player_specs import network_spec, parse_spec
    from engine.match.players import open_solver
    from engine.measure.puzzle_summary import summary
    from engine.measure.puzzles import read_puzzles, solve
    from engine.report import charts

    spec = network_spec(args.network) if args.network else parse_spec(args.player)
    charts.check_picture_path(args.picture)
    puzzles, bad = read_puzzles(args.files, args.limit)
    for line in bad[:10]:
        say(f"{line.file}:{line.line}: {line.reason}", file=sys.stderr)
    if bad:
        say(f"{len(bad)} bad lines left out, {len(puzzles)} puzzles read", file=sys.stderr)
    with open_solver(spec) as (solver, name, chunk):
        start = time.perf_counter()
        with progress_bar("puzzles", len(puzzles)) as advance:
            attempts, positions = solve(puzzles, solver, chunk, advance)
        seconds = time.perf_counter() - start
    figures = summary(attempts) | {
        "seconds": round(seconds, 2),
        "positions": positions,
        "positions_per_second": round(positions / seconds, 1),
        "player": spec.text,
        "network": name,
        "bad_lines": [{"file": b.file, "line": b.line, "reason": b.reason} for b in bad],
    }
    if args.picture:
        title = f"{name}: {len(puzzles)} puzzles" + ", one pass per move" * (spec.kind == "network")
        charts.save(charts.solve_curve(figures, title), args.picture)
    if args.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def show(figures: dict) -> None:
    """Print the figures as tables."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    console = report_console()
    low, high = figures["interval_95"]
    console.print(
        f"{figures['solved']} of {figures['total']} solved: {figures['solve_rate']:.1%} "
        f"(95 %: {low:.1%} to {high:.1%}); {figures['positions']} positions in "
        f"{figures['seconds']:.1f} s, {figures['positions_per_second']:.0f}/s"
    )
    rating = figures["puzzle_rating"]
    if rating:
        edges = " to ".join(f"{edge:.0f}" for edge in rating["interval_95"])
        console.print(f"50 % solved at puzzle rating {rating['rating']:.0f} ({edges})")
    rows = {f"{band['from']}-{band['to']}": band for band in figures["bands"]}
    for title, parts in (("rating", rows), ("theme", figures["themes"])):
        table = Table(title, "puzzles", "solved", "rate", "95 %")
        for name, part in parts.items():
            low, high = part["interval_95"]
            shown = (f"{part['total']}", f"{part['solved']}", f"{part['solve_rate']:.1%}")
            table.add_row(name, *shown, f"{low:.1%} to {high:.1%}")
        if parts:
            console.print(table)
