"""Turn annotated positions into a training dataset (Beam)."""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Args:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """Lichess evaluation files (.jsonl, .jsonl.zst)."""
    out: Path
    """The dataset directory to make."""
    test: tuple[Path, ...] = ()
    """Files whose positions form the test split; other files' copies of them are dropped."""
    bins: int = 64
    """Bins of equal width over win probabilities."""
    shards: int = 8
    """Files per split."""
    validation_share: float = 0.01
    """Share of positions, by hash, that goes to the validation split."""
    test_share: float = 0.02
    """Share of positions, by hash, that goes to the test split where --test is not given."""
    teacher: str = "unknown"
    """Who scored the positions, for the dataset's card."""
    workers: int = 0
    """Worker processes; 0 for one a core."""
    beam_flags: Annotated[tuple[str, ...], tyro.conf.arg(metavar="FLAG")] = ()
    """Further flags for Beam, as they are."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Convert and say what was read, written and dropped."""
    import os

    from data_pipeline.pipeline import ConvertOptions, convert

    start = time.monotonic()
    workers = args.workers or os.cpu_count() or 1
    flags = [f"--direct_num_workers={workers}"]
    if workers > 1:
        flags.append("--direct_running_mode=multi_processing")
    options = ConvertOptions(
        args.bins, args.shards, args.validation_share, args.test_share, args.teacher
    )
    manifest = convert(list(args.files), args.out, options, args.test, [*flags, *args.beam_flags])
    seconds = round(time.monotonic() - start, 1)
    report = {
        "read": manifest["read"],
        "written": manifest["counts"],
        "dropped": manifest["dropped"],
        "seconds": seconds,
    }
    if args.json:
        print(json.dumps(report))
        return 0
    print(f"{args.out}: {manifest['counts']} from {manifest['read']} positions in {seconds} s")
    if manifest["dropped"]:
        print(f"dropped: {manifest['dropped']}, see {args.out / 'rejected.jsonl'}", file=sys.stderr)
    return 0
