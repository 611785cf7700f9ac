"""Search the best moves of scored positions deeper, and merge the scores (Beam).

Reads datasets and all other files that 'argmax data convert' reads. Existing scores are kept, and
the deepest score of each move counts; positions without scores are scored as by 'argmax data
annotate'. Positions stay in their splits. An interrupted run continues from the positions searched
so far when it is started again.
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
    """Dataset directories, or files of scored positions."""
    teacher: tyro.conf.OmitArgPrefixes[EngineArgs]
    selection: tyro.conf.OmitArgPrefixes[SelectionOptions]
    output: tyro.conf.OmitArgPrefixes[OutputOptions]
    running: tyro.conf.OmitArgPrefixes[RunnerArgs]
    out: Path
    """The dataset directory to make."""
    leave_out: LeaveOut = ()


def run(args: Args) -> int:
    """Deepen, and report what was read, written and dropped."""
    quiet_imports()
    from data_pipeline.beam.engine_work import Annotation
    from data_pipeline.beam.pipeline import convert
    from data_pipeline.common.errors import InputError

    if not args.teacher.then:
        raise InputError("expected a deeper search, found none; add --then depth=10,moves=3")
    start = time.monotonic()
    engine, teacher = engine_config(args.teacher)
    chosen = vars(args.output) | vars(args.selection)
    manifest = convert(
        args.files,
        args.out,
        DatasetOptions(**chosen, teacher=teacher),
        left_out=left_out_hashes(args.leave_out),
        annotation=Annotation(engine, keep_scores=True),
        keep_splits=True,
        beam_flags=args.running.flags(threads=True),
    )
    return report(args.out, manifest, time.monotonic() - start, args.running.json)
