"""Shared by the data commands: options of the runner and of the engine, and the report."""

import dataclasses
import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.plain_text import say, shell_words
from data_pipeline.common.ranges import NonNegativeInt, PositiveFloat, PositiveInt
from data_pipeline.teachers.options import EngineConfig, Limit, parse_stage

SMALL_INPUT_BYTES = 8 << 20

LeaveOut = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(
        help="Files or datasets of positions to leave out, such as a benchmark's; of Lichess "
        "puzzles (.csv) all positions of their solutions."
    ),
]


@dataclasses.dataclass(frozen=True)
class RunnerArgs:
    """Where Beam runs, and what is printed."""

    workers: NonNegativeInt = 0
    """Workers of the local runner; 0: one per core."""
    runner: str = "local"
    """`local`, `spark`, or one of Beam's runners, by its name."""
    beam_flags: str = ""
    """Flags passed to Beam, in one string: --beam-flags="--spark_master=spark://host:7077 ..."."""
    json: bool = False
    """Print one JSON object on standard output."""

    def flags(self, threads: bool, small: bool = False) -> list[str]:
        """Beam's flags. Threads suffice if an engine does the work; small inputs need one
        process."""
        given = shell_words(self.beam_flags, "--beam-flags")
        if self.runner != "local":
            if self.workers:
                raise InputError(
                    "expected --workers for the local runner only, found it with --runner "
                    f"{self.runner}; a cluster's size is its own, leave it out"
                )
            return [f"--runner={self.runner}", *given]
        workers = self.workers or (1 if small else os.cpu_count() or 1)
        mode = "multi_threading" if threads else "multi_processing"
        running = [f"--direct_running_mode={mode}"] if workers > 1 else []
        return [f"--direct_num_workers={workers}", *running, *given]


@dataclasses.dataclass(frozen=True)
class EngineArgs:
    """The engine that scores positions."""

    engine: str = "stockfish"
    """A UCI engine: a path, or a name to look up."""
    depth: PositiveInt | None = None
    """Search depth in plies for each position (5 if no limit is given)."""
    nodes: PositiveInt | None = None
    """Nodes for each position, instead of a depth."""
    seconds: PositiveFloat | None = None
    """Seconds for each position, instead of a depth; scores then differ from run to run."""
    then: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="LIMIT,moves=N")
    ] = ()
    """After all moves are scored, search the best few deeper, as in --then depth=10,moves=3; may be
    repeated. The deepest score of each move counts; moves not searched as deep rank behind."""
    engine_options: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """UCI options of the engine, such as Hash=16; a button is given by its name alone."""
    keep_hash: bool = False
    """Do not clear the engine's hash before each position: faster, but not reproducible."""
    patience: PositiveFloat = EngineConfig.patience_seconds
    """Seconds beyond its limit after which a search counts as hung."""


def engine_config(args: EngineArgs) -> tuple[Any, str]:
    """The engine's configuration, tested by starting it, and the teacher's name for the
    manifest."""
    from data_pipeline.teachers.stockfish import Stockfish
    from engine.match.uci_client import find_stockfish

    options: dict[str, str] = {}
    for option in args.engine_options:
        name, _, options[name.strip()] = option.partition("=")
    given = (args.depth, args.nodes, args.seconds)
    limit = Limit(depth=5) if given == (None, None, None) else Limit(*given)
    path = str(find_stockfish()) if args.engine == "stockfish" else args.engine
    if os.sep in path:  # a worker may have another directory
        path = os.path.abspath(path)
    then = tuple(map(parse_stage, args.then))
    config = EngineConfig(path, limit, options, not args.keep_hash, args.patience, then=then)
    with Stockfish(config) as engine:
        return config, ", then ".join([f"{engine.name}, {limit}", *map(str, then)])


def left_out_hashes(paths: tuple[Path, ...]) -> set[bytes]:
    """Hashes of all positions in files and datasets. Raises InputError if one is missing."""
    from data_pipeline.dataset.dataset import position_hash
    from data_pipeline.sources.entries import Rejected
    from data_pipeline.sources.readers import read_inputs

    found = set()
    for path in paths:
        if path.name.endswith((".csv", ".csv.zst")):
            found |= _hashes_of_puzzles(path)
            continue
        for entry in read_inputs(path):
            if not isinstance(entry, Rejected):
                found.add(position_hash(entry.board))
    return found


def _hashes_of_puzzles(path: Path) -> set[bytes]:
    """Hashes of all positions of each puzzle, from the first to the last."""
    from data_pipeline.dataset.dataset import position_hash
    from engine.measure.puzzles import read_puzzles

    found = set()
    for puzzle in read_puzzles([path])[0]:
        board = puzzle.board()
        found.add(position_hash(board))
        for move in puzzle.moves:
            board.push(move)
            found.add(position_hash(board))
    return found


def quiet_imports() -> None:
    """Suppress Beam's warnings, while it is imported, about extras that are not installed."""
    logging.getLogger().setLevel(logging.ERROR)


def report(out: Path, manifest: dict[str, Any], seconds: float, as_json: bool) -> int:
    """Report what was read, written and dropped; returns the exit status.

    Raises ArgmaxError, with the reasons, if nothing was kept.
    """
    if not any(manifest["counts"].values()):
        reasons = ", ".join(f"{number:,} {why}" for why, number in manifest["dropped"].items())
        if not reasons:
            raise ArgmaxError("expected positions to keep, found none: the input is empty")
        raise ArgmaxError(
            f"expected positions to keep, found none (dropped: {reasons}); what was rejected is in "
            f"{out / 'rejected.jsonl'}"
        )
    result = {
        "read": manifest["read"],
        "written": manifest["counts"],
        "dropped": manifest["dropped"],
        "mended": manifest["mended"],
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
    for what, number in manifest["mended"].items():
        say(f"mended: {number:,} {what}", file=sys.stderr)
    return 0
