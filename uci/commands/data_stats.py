"""Statistics of a dataset: counts, values, pieces, plies, phases, mates, shared positions."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import tyro

from data_pipeline.common.plain_text import say


@dataclasses.dataclass(frozen=True)
class Args:
    dataset: tyro.conf.Positional[Path]
    """A dataset's directory."""
    against: Path | None = None
    """Another dataset: count the positions that are in both (leakage)."""
    picture: Path | None = None
    """Draw charts into this file: .png, .svg or .html."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Count, draw and print."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.dataset.dataset import SPLITS, Dataset
    from data_pipeline.dataset.stats import stats_of

    if args.picture and args.picture.suffix not in (".png", ".svg", ".html"):
        raise InputError(f"expected a picture named .png, .svg or .html, found {args.picture}")
    dataset = Dataset(args.dataset)
    dataset.verify()
    stats = {split: stats_of(dataset.records(split), dataset.bins) for split in SPLITS}
    result: dict[str, Any] = {
        "dataset": str(args.dataset),
        "teacher": dataset.manifest.get("teacher"),
        "dropped": dataset.manifest.get("dropped", {}),
        "splits": {split: of_split.as_json() for split, of_split in stats.items()},
    }
    if args.against:
        result["shared"] = shared(dataset, Dataset(args.against))
    if args.picture:
        draw(result["splits"], dataset, args.picture)
        say(f"drawn: {args.picture}", file=sys.stderr)
    if args.json:
        print(json.dumps(result))
    else:
        show(result)
    return 0


def draw(splits: dict[str, Any], dataset, path: Path) -> None:
    """Write the charts to ``path``: a picture, or a page with charts and counts."""
    from data_pipeline.common.files import write_atomically
    from engine.report import charts, page

    teacher = dataset.manifest.get("teacher", "teacher unknown")
    title = f"{dataset.directory.resolve().name}: {teacher}"
    edges = dataset.bins.edges
    if path.suffix != ".html":
        charts.save(charts.dataset_stats(splits, edges, title), path)
        return
    head = ("split", "positions", "moves", "all moves scored", "mates")
    names = ("positions", "moves", "complete", "mates")
    rows = [(split, *(f"{of[name]:,}" for name in names)) for split, of in splits.items()]
    chart = charts.page_svgs(charts.dataset_stats, splits, edges, "")
    caption = "Shares of the positions of each split."
    text = page.page(title, [page.figure(chart, caption), page.table(head, rows)])
    write_atomically(path, text.encode())


def shared(dataset, other) -> dict[str, dict[str, int]]:
    """The number of positions of each split that are in each split of the other dataset."""
    from data_pipeline.dataset.dataset import SPLITS
    from data_pipeline.dataset.stats import hashes

    theirs = {split: hashes(other, split) for split in SPLITS}
    ours = {split: hashes(dataset, split) for split in SPLITS}
    return {a: {b: len(ours[a] & theirs[b]) for b in SPLITS} for a in SPLITS}


def show(result: dict[str, Any]) -> None:
    """Print the numbers as a table."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    splits = result["splits"]
    table = Table(title=f"{result['dataset']}, scored by {result['teacher']}")
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right")
    shares = {"all moves scored": "complete", "White to move": "white_to_move", "mates": "mates"}
    table.add_row("positions", *(f"{of['positions']:,}" for of in splits.values()))
    for label, name in (("moves per position", "moves"), ("bytes per position", "record_bytes")):
        cells = (f"{of[name] / (of['positions'] or 1):.1f}" for of in splits.values())
        table.add_row(label, *cells)
    for label, name in shares.items():
        cells = (f"{of[name] / (of['positions'] or 1):.1%}" for of in splits.values())
        table.add_row(label, *cells)
    for label, name in (("phase", "phases"), ("depth", "depths")):
        for key in sorted({key for of in splits.values() for key in of[name]}, key=str):
            cells = (
                f"{of[name].get(key, 0) / (of['positions'] or 1):.1%}" for of in splits.values()
            )
            table.add_row(f"{label} {key}", *cells)
    for other in splits if "shared" in result else ():
        cells = (f"{result['shared'][split][other]:,}" for split in splits)
        table.add_row(f"also in the other's {other}", *cells)
    report_console().print(table)
    for reason, number in result["dropped"].items():
        say(f"dropped: {number:,} {reason}")
