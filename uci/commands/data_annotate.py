"""Score every legal move of positions with Stockfish and make a training dataset (Beam).

Reads PGN, FEN and EPD lists, Lichess evaluations and ChessBench bags; all but bags also with .zst.
An interrupted run continues from the positions scored so far when it is started again.
"""

import dataclasses
import time
from pathlib import Path

import tyro

from data_pipeline.beam.options import DatasetOptions, OutputOptions, SelectionOptions
from uci.commands.data_options import (
    EngineArgs,
    LeaveOut,
    RunnerArgs,
    engine_config,
    left_out_hashes,
    quiet_imports,
    report,
)


@dataclasses.dataclass(frozen=True)
class Args:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """Files of positions."""
    teacher: tyro.conf.OmitArgPrefixes[EngineArgs]
    selection: tyro.conf.OmitArgPrefixes[SelectionOptions]
    output: tyro.conf.OmitArgPrefixes[OutputOptions]
    running: tyro.conf.OmitArgPrefixes[RunnerArgs]
    out: Path
    """The dataset directory to make."""
    test: tuple[Path, ...] = ()
    """Files or datasets whose positions form the test split, including copies of them in other
    files."""
    leave_out: LeaveOut = ()


def run(args: Args) -> int:
    """Annotate, and report what was read, written and dropped."""
    quiet_imports()
    from data_pipeline.beam.engine_work import Annotation
    from data_pipeline.beam.pipeline import convert

    start = time.monotonic()
    engine, teacher = engine_config(args.teacher)
    chosen = vars(args.output) | vars(args.selection)
    manifest = convert(
        args.files,
        args.out,
        DatasetOptions(**chosen, teacher=teacher),
        test_files=args.test,
        left_out=left_out_hashes(args.leave_out),
        annotation=Annotation(engine),
        beam_flags=args.running.flags(threads=True),
    )
    return report(args.out, manifest, time.monotonic() - start, args.running.json)
