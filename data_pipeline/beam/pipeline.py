"""The Beam pipeline: files of positions, or openings to play from -> a dataset directory.

    read | deduplicate | limit | annotate | balance | write          (convert, annotate)
    play | deduplicate | balance | write                             (self-play)

The transforms are in `transforms` and `thinning`; where the work is kept until it is done, in
`staging`.
"""

import hashlib
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from data_pipeline.beam import thinning, transforms
from data_pipeline.beam.engine_work import Annotation, SelfPlay, Work
from data_pipeline.beam.manifest import file_hash, finish
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.progress import progress_line, quiet
from data_pipeline.beam.staging import Staging, staging, total_counts
from data_pipeline.beam.transforms import Chunks, InputPart
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.dataset.dataset import SPLITS, Dataset, files_of
from data_pipeline.sources.entries import size_of
from data_pipeline.sources.readers import reader_of

GAMES_A_BLOCK = 8
_BYTES_A_PART = 4 << 20
_MOST_PARTS = 32


def convert(
    files: Sequence[Path],
    out: Path,
    options: DatasetOptions,
    *,
    test_files: Sequence[Path] = (),
    annotation: Annotation | None = None,
    keep_splits: bool = False,
    beam_flags: Sequence[str] = (),
) -> dict[str, Any]:
    """Files of positions -> a dataset, scored by an engine if ``annotation`` is given.

    Returns the manifest written to ``out``. Positions of ``test_files`` form the test split,
    whatever their hash, and no other split has them. A dataset's directory stands for all its
    shards; its own splits count only with ``keep_splits``. Raises InputError if an input is missing
    or ``out`` holds something already, ArgmaxError if the work fails.
    """
    inputs = [
        (path, split if keep_splits else "") for file in files for path, split in _with_shards(file)
    ]
    inputs += [(path, "test") for file in test_files for path, _ in _with_shards(file)]
    for path, _ in inputs:
        if not all(file.is_file() for file in files_of(path)):
            raise InputError(f"expected a file of positions, found none at {path}")
        reader_of(path)
    if not inputs:
        raise InputError("expected files of positions, found none")
    if test_files:
        options = replace(options, test_share=0.0)
    with staging(out) as place:
        make = partial(_positions, inputs=inputs, annotation=annotation)
        size = sum(size_of(path) for path, _ in inputs)
        counters = _run(make, place, options, {"input_bytes": size}, beam_flags)
        sources = [
            {"file": path.name, "split": split or "by hash", "sha256": file_hash(path)}
            for path, split in inputs
        ]
        return finish(place, options, counters, sources)


def _with_shards(path: Path) -> list[tuple[Path, str]]:
    """A file, or the sharded bags of a dataset's directory with their splits."""
    if not path.is_dir():
        return [(path, "")]
    data = Dataset(path)
    data.verify()
    return [(path / f"{split}@{data.shards}.bag", split) for split in SPLITS if data.size(split)]


def play(
    openings: Sequence[str],
    out: Path,
    options: DatasetOptions,
    work: SelfPlay,
    beam_flags: Sequence[str] = (),
) -> dict[str, Any]:
    """A game from each opening (FEN) -> a dataset of all positions played through.

    Returns the manifest written to ``out``; raises as `convert` does.
    """
    with staging(out) as place:
        make = partial(_played, openings=openings, work=work)
        counters = _run(make, place, options, {"to_play": len(openings)}, beam_flags)
        text = "\n".join(openings).encode()
        sources = [
            {
                "self-play": asdict(work.games),
                "games": len(openings),
                "player": work.player or "the teacher",
                "openings_sha256": hashlib.sha256(text).hexdigest(),
            }
        ]
        return finish(place, options, counters, sources)


def _positions(
    pipeline: beam.Pipeline,
    place: Staging,
    options: DatasetOptions,
    inputs: Sequence[tuple[Path, str]],
    annotation: Annotation | None,
) -> Chunks:
    """Chunks of the positions in files."""
    chunks = (
        pipeline
        | "files" >> beam.Create(list(_parts(inputs)))
        | "spread" >> beam.Reshuffle()
        | "read" >> beam.ParDo(transforms.Read(place, options))
    )
    chunks = _deduplicated(chunks, place, options, annotate=annotation is not None)
    if options.max_positions is not None:
        chunks = thinning.limit(chunks, options.max_positions, place)
    return _worked(chunks, place, options, annotation) if annotation else chunks


def _played(
    pipeline: beam.Pipeline,
    place: Staging,
    options: DatasetOptions,
    openings: Sequence[str],
    work: SelfPlay,
) -> Chunks:
    """Chunks of the positions of games."""
    games = list(enumerate(openings))
    blocks = [games[i : i + GAMES_A_BLOCK] for i in range(0, len(games), GAMES_A_BLOCK)]
    chunks = pipeline | "openings" >> beam.Create(blocks)
    chunks = _worked(chunks, place, options, work, read=True)
    chunks = chunks | "games by shard" >> beam.FlatMap(transforms.by_shard, options)
    return _deduplicated(chunks, place, options, annotate=False)


def _deduplicated(
    chunks: Chunks, place: Staging, options: DatasetOptions, annotate: bool
) -> Chunks:
    """(shard, chunk) -> chunks in which every position is once."""
    step = transforms.Deduplicate(place, options, annotate)
    return chunks | "gather copies" >> beam.GroupByKey() | "deduplicate" >> beam.ParDo(step)


def _worked(
    blocks: Chunks, place: Staging, options: DatasetOptions, work: Work, read: bool = False
) -> Chunks:
    step = transforms.DoWork(place, options, work, read)
    return blocks | "share out" >> beam.Reshuffle() | "annotate" >> beam.ParDo(step)


def _run(
    make: Callable[[beam.Pipeline, Staging, DatasetOptions], Chunks],
    place: Staging,
    options: DatasetOptions,
    totals: dict[str, int],
    flags: Sequence[str],
) -> Counter[str]:
    """Run the transforms; returns what they counted. ``make`` gives chunks of positions."""
    pipeline = _pipeline(options, flags)
    chunks = make(pipeline, place, options)
    if options.balance is not None:
        chunks = thinning.balance(chunks, options, place)
    # Every shard is written, also one that no position falls into.
    all_shards = [(shard, []) for shard in range(options.shards)]
    shards = pipeline | "shards" >> beam.Create(all_shards)
    keyed = chunks | "by shard" >> beam.FlatMap(transforms.by_shard, options)
    _ = (
        (keyed, shards)
        | "with all shards" >> beam.Flatten()
        | "gather" >> beam.GroupByKey()
        | "write" >> beam.ParDo(transforms.WriteShard(place, options))
    )
    log = place.root / "beam.log"
    try:
        totals = {**totals, "to_write": options.shards}
        with quiet(log) as console, progress_line(place.progress, totals, console):
            pipeline.run().wait_until_finish()
    except ArgmaxError as error:  # Beam adds the step's name
        raise type(error)(str(error).split(" [while running")[0]) from error
    except Exception as error:  # whatever a runner makes of a worker's failure
        raise ArgmaxError(f"{_reason(error)} (Beam's log is {log})") from error
    return total_counts(place)


class LocalRunner(FnApiRunner):
    """Beam's runner on this machine, whose worker processes end with this one."""

    def run_via_runner_api(self, pipeline_proto: Any, options: Any) -> Any:
        """Beam's own, with another command for its worker processes."""
        program = shlex.join([sys.executable, "-m", "data_pipeline.beam.worker", str(os.getpid())])
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload = f"exec {program}".encode()
        return super().run_via_runner_api(pipeline_proto, options)


def _pipeline(options: DatasetOptions, flags: Sequence[str]) -> beam.Pipeline:
    """An empty pipeline for the runner in the flags, or for the local one."""
    thinned = options.max_positions is not None or options.balance is not None
    if thinned and any("DaskRunner" in flag for flag in flags):
        raise InputError(
            "expected a runner that knows side inputs for --max-positions or --balance, found "
            "Dask's, which makes wrong datasets with them; take another or leave them out"
        )
    cluster = any(flag.startswith("--runner") for flag in flags)
    try:
        runner = None if cluster else LocalRunner()
        pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(list(flags)))
    except (ValueError, ImportError) as error:  # Beam's of a runner that it does not know
        raise InputError(f"expected one of Beam's runners: {error}") from error
    _check_flags(flags)
    return pipeline


def _check_flags(flags: Sequence[str]) -> None:
    """Raise InputError for a flag that Beam would pass over. Runners behind a job server have flags
    that only the server knows, so theirs are not checked."""
    if any(name in flag for flag in flags for name in ("Flink", "Spark", "Portable")):
        return
    given = PipelineOptions(list(flags)).get_all_options(retain_unknown_options=True)
    unknown = sorted(given.keys() - PipelineOptions([]).get_all_options().keys())
    if unknown:
        raise InputError(
            f"expected flags of Beam in --beam-flags, found --{unknown[0]}, which it does not know"
        )


def _reason(error: Exception) -> str:
    """The line that says what went wrong, out of a runner's error with a traceback in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next((line for line in reversed(lines) if "Error" in line or "error" in line), "")
    line = (line or (lines[-1] if lines else type(error).__name__)).split(" [while running")[0]
    name, _, text = line.partition(": ")
    return text if name.startswith("data_pipeline.common.errors.") else line


def _parts(inputs: Sequence[tuple[Path, str]]) -> Iterator[InputPart]:
    """Each file in as many parts as its size is worth, up to a limit."""
    for number, (path, split) in enumerate(inputs):
        size = size_of(path)
        parts = max(1, min(_MOST_PARTS, size // _BYTES_A_PART))
        for part in range(parts):
            yield InputPart(number, str(path), size, split, part, parts)
