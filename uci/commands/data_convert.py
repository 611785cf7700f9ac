"""Turn annotated positions into a training dataset (Beam).

Reads Lichess evaluations (.jsonl), ChessBench bags (.bag), other datasets (their directories) and,
for --format state_value and behavioral_cloning or with --keep-unscored, PGN; files but bags also
with .zst.
"""

import dataclasses
import time
from pathlib import Path

import tyro

from data_pipeline.beam.options import DatasetOptions
from uci.commands.data_options import (
    SMALL_INPUT_BYTES,
    LeaveOut,
    RunnerArgs,
    left_out_hashes,
    quiet_imports,
    report,
)


@dataclasses.dataclass(frozen=True)
class Args:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """Files of positions, and datasets' directories."""
    dataset: tyro.conf.OmitArgPrefixes[DatasetOptions]
    running: tyro.conf.OmitArgPrefixes[RunnerArgs]
    out: Path
    """The dataset directory to make."""
    test: tuple[Path, ...] = ()
    """Files or datasets whose positions form the test split, including copies of them in other
    files."""
    leave_out: LeaveOut = ()


def run(args: Args) -> int:
    """Convert, and report what was read, written and dropped."""
    quiet_imports()
    from data_pipeline.beam.pipeline import convert

    start = time.monotonic()
    unscored = args.dataset.format in ("state_value", "behavioral_cloning")
    options = dataclasses.replace(
        args.dataset, keep_unscored=args.dataset.keep_unscored or unscored
    )
    paths = [path for given in (*args.files, *args.test) for path in (given, *given.glob("*.bag"))]
    size = sum(path.stat().st_size for path in paths if path.is_file())
    flags = args.running.flags(threads=False, small=size < SMALL_INPUT_BYTES)
    manifest = convert(
        args.files,
        args.out,
        options,
        test_files=args.test,
        left_out=left_out_hashes(args.leave_out),
        beam_flags=flags,
    )
    return report(args.out, manifest, time.monotonic() - start, args.running.json)
