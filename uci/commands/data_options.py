"""What the data commands have in common: the dataset's options, the runner's, the report."""

import dataclasses
import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from data_pipeline.common.plain_text import say

SMALL_INPUT_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True)
class OutputArgs:
    format: Literal["native", "action_value", "state_value", "behavioral_cloning"] = "native"
    """Our own dataset, or ChessBench bags of one policy."""
    bins: int = 64
    """Bins of equal width over win probabilities."""
    shards: int = 8
    """Files per split; a worker holds the positions of one in memory."""
    validation_share: float = 0.01
    """Share of positions, by hash, that goes to the validation split."""
    test_share: float = 0.02
    """Share of positions, by hash, that goes to the test split where --test is not given."""
    balance: float | None = None
    """Let no value bin hold more than this many times the mean over all bins."""


@dataclasses.dataclass(frozen=True)
class SelectionArgs:
    min_ply: int = 0
    """Leave out positions before this ply, where the move number is known."""
    sample: float = 1.0
    """The share of positions to keep, drawn by hash."""
    max_positions: int | None = None
    """Keep at most so many positions, drawn by hash."""


@dataclasses.dataclass(frozen=True)
class RunnerArgs:
    workers: int = 0
    """Local workers; 0 for one a core."""
    runner: str = "local"
    """`local`, or one of Beam's runners, such as FlinkRunner."""
    beam_flags: str = ""
    """Flags for Beam as they are, in one: --beam-flags="--flink_master=host:8081 ..."."""
    json: bool = False
    """Print one JSON object on standard output."""

    def flags(self, threads: bool, small: bool = False) -> list[str]:
        """Beam's flags. Threads do where an engine works; small inputs need no second process."""
        given = shlex.split(self.beam_flags)
        if self.runner != "local":
            return [f"--runner={self.runner}", *given]
        workers = self.workers or (1 if small else os.cpu_count() or 1)
        mode = "multi_threading" if threads else "multi_processing"
        running = [f"--direct_running_mode={mode}"] if workers > 1 else []
        return [f"--direct_num_workers={workers}", *running, *given]


@dataclasses.dataclass(frozen=True)
class EngineArgs:
    engine: str = "stockfish"
    """The UCI engine that scores: a path, or a name to look for."""
    depth: int | None = None
    """Search depth in plies a position (5 where no limit is given)."""
    nodes: int | None = None
    """Search so many nodes a position instead."""
    seconds: float | None = None
    """Search so long a position instead; scores then differ from run to run."""
    then: tyro.conf.UseAppendAction[
        tuple[Annotated[str, tyro.conf.arg(metavar="LIMIT,moves=N")], ...]
    ] = ()
    """After all moves are scored, search the best few deeper, as in --then depth=10,moves=3; again
    for a further stage. A move's deepest score counts, and the others come behind."""
    engine_options: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """UCI options of the engine, such as Hash=16."""
    keep_hash: bool = False
    """Do not clear the engine's hash before each position: faster, but not the same every time."""
    patience: float = 60.0
    """Seconds after which a search that has not ended counts as hung."""


def engine_config(args: EngineArgs) -> tuple[Any, str]:
    """The engine's configuration, tried out, and the teacher's name for the dataset's card."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.teachers.stockfish import EngineConfig, Limit, Stockfish, parse_stage
    from engine.match.uci_client import find_stockfish

    options: dict[str, str] = {}
    for option in args.engine_options:
        name, _, value = option.partition("=")
        if not value:
            raise InputError(f"expected an engine option NAME=VALUE, found '{option}'")
        options[name] = value
    default = None if args.nodes or args.seconds else 5
    limit = Limit(default if args.depth is None else args.depth, args.nodes, args.seconds)
    path = str(find_stockfish()) if args.engine == "stockfish" else args.engine
    then = tuple(map(parse_stage, args.then))
    config = EngineConfig(path, limit, options, not args.keep_hash, args.patience, then=then)
    with Stockfish(config) as engine:
        return config, ", then ".join([f"{engine.name}, {limit}", *map(str, then)])


def quiet_imports() -> None:
    """Keep Beam from warning, while it is imported, of extras that are not installed."""
    logging.getLogger().setLevel(logging.ERROR)


def report(out: Path, manifest: dict[str, Any], seconds: float, as_json: bool) -> int:
    """Say what was read, written and dropped; returns the exit status."""
    result = {
        "read": manifest["read"],
        "written": manifest["counts"],
        "dropped": manifest["dropped"],
        "seconds": round(seconds, 1),
    }
    if as_json:
        print(json.dumps(result))
        return 0
    written = ", ".join(f"{number:,} {split}" for split, number in manifest["counts"].items())
    say(f"{out}: {written}; {result['seconds']} s")
    if manifest["annotated"]:
        restarts = manifest["engine_restarts"]
        say(f"annotated: {manifest['annotated']:,} by {manifest['teacher']}, {restarts} restarts")
    for reason, number in manifest["dropped"].items():
        say(f"dropped: {number:,} {reason}", file=sys.stderr)
    return 0
