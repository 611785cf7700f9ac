"""Show the contents of a network file."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import tyro

from data_pipeline.common.plain_text import say

SHOWN_BEFORE = ("steps", "positions_seen", "hours", "teacher")
"""Fields printed for other training runs than the last; --json has all fields."""

NO_CHECKSUM = "none (written by an earlier version)"


@dataclasses.dataclass(frozen=True)
class Args:
    file: tyro.conf.Positional[Path | None] = None
    """The network file (default: the shipped one)."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Print the network's name, size, checksum, configuration and training record."""
    from engine.networks import shipped_network
    from model.network.network_file import load_network, read_metadata, training_runs

    path = args.file or shipped_network()
    network = load_network(path)
    info = {
        "name": network.name,
        "layout": network.config.layout,
        "parameters": network.parameter_count,
        "stored": network.stored,
        "checksum": "ok" if "checksum" in read_metadata(path) else NO_CHECKSUM,
        "config": dataclasses.asdict(network.config),
        "training": network.training,
        "licence": network.licence,
    }
    if args.json:
        print(json.dumps(info))
        return 0
    say(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")
    last, *before = training_runs(network.training) or [{}]
    _print_fields(info | {"training": {k: v for k, v in last.items() if k != "averaged_with"}})
    _print_averaged(last)
    for run in before:
        _print_short("the run before", run)
        _print_averaged(run)
    return 0


def _print_averaged(run: dict[str, Any]) -> None:
    for other in run.get("averaged_with", []):
        _print_short("averaged with", other)


def _print_short(name: str, run: dict[str, Any]) -> None:
    _print_fields({name: {k: v for k, v in run.items() if k in SHOWN_BEFORE}})


def _print_fields(fields: dict[str, Any], indent: str = "") -> None:
    """Print names and values in two columns; nested fields are indented, tables one row per
    line."""
    for name, value in fields.items():
        if isinstance(value, dict):
            say(f"{indent}{name}")
            _print_fields(value, indent + "  ")
        elif isinstance(value, list) and all(isinstance(entry, dict | list) for entry in value):
            say(f"{indent}{name}")
            for entry in value:
                parts = entry.values() if isinstance(entry, dict) else entry
                say(indent + "  " + " ".join(map(str, parts)))
        else:
            shown = " ".join(f"{v:g}" for v in value) if isinstance(value, list) else value
            say(f"{indent}{name:<{26 - len(indent)}}{shown}")
