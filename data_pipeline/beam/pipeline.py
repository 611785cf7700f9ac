"""The Beam pipeline: files of positions, or openings to play from -> a dataset directory.

    read | deduplicate | limit | annotate | balance | write          (convert, annotate)
    play | deduplicate | balance | write                             (self-play)

The transforms are in `transforms` and `thinning`; where positions are between two steps, in
`pieces`; where the work is kept until it is done, in `staging`; where it runs, in `runners`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from data_pipeline.beam import transforms
from data_pipeline.beam.engine_work import Annotation, SelfPlay, Work, idle_workers
from data_pipeline.beam.manifest import file_hash, finish
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets
from data_pipeline.beam.progress import progress_line, quiet
from data_pipeline.beam.runners import empty_pipeline, reason
from data_pipeline.beam.staging import staging, total_counts
from data_pipeline.beam.thinning import Balance, Limit, thin
from data_pipeline.beam.transforms import InputPart, Pieces, Run
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.encoding.values import ValueBins
from data_pipeline.sources.entries import size_of
from data_pipeline.sources.readers import inputs_of

GAMES_A_BLOCK = 8
_BYTES_A_GAME = 5_000
"""Input that about 100 positions would take, for the size of buckets."""
_BLOCKS_TOGETHER = 64
_BYTES_A_PART = 4 << 20
_MOST_PARTS, _PARTS_OF_ALL = 32, 128


def convert(
    files: Sequence[Path],
    out: Path,
    options: DatasetOptions,
    *,
    test_files: Sequence[Path] = (),
    left_out: Iterable[bytes] = (),
    annotation: Annotation | None = None,
    keep_splits: bool = False,
    beam_flags: Sequence[str] = (),
) -> dict[str, Any]:
    """Files of positions -> a dataset, scored by an engine if ``annotation`` is given.

    Returns the manifest written to ``out``. Positions of ``test_files`` form the test split,
    whatever their hash, and no other split has them. No split has the positions with a hash
    (`dataset.position_hash`) in ``left_out``. A dataset's directory stands for all its
    shards; its own splits count only with ``keep_splits``. Raises InputError if an input is missing
    or ``out`` holds something already, ArgmaxError if the work fails.
    """
    # Workers may run in another directory.
    files, test_files = [[path.absolute() for path in paths] for paths in (files, test_files)]
    inputs = [
        (path, split if keep_splits else "") for file in files for path, split in inputs_of(file)
    ]
    inputs += [(path, "test") for file in test_files for path, _ in inputs_of(file)]
    if not inputs:
        raise InputError("expected files of positions, found none")
    if test_files:
        options = replace(options, test_share=0.0)
    with staging(out.absolute(), left_out) as place:
        size = sum(size_of(path) for path, _ in inputs)
        run = Run(place, options, Buckets.of_size(options, size))
        make = partial(_positions, run=run, inputs=inputs, annotation=annotation)
        counters = _run(make, run, {"input_bytes": size}, beam_flags)
        sources = [
            {"file": path.name, "split": split or "by hash", "sha256": file_hash(path)}
            for path, split in inputs
        ]
        return finish(place, options, counters, sources)


def play(
    openings: Sequence[str],
    out: Path,
    options: DatasetOptions,
    work: SelfPlay,
    beam_flags: Sequence[str] = (),
    *,
    left_out: Iterable[bytes] = (),
) -> dict[str, Any]:
    """A game from each opening (FEN) -> a dataset of all positions played through.

    Returns the manifest written to ``out``; raises as `convert` does.
    """
    with staging(out.absolute(), left_out) as place:
        run = Run(place, options, Buckets.of_size(options, len(openings) * _BYTES_A_GAME))
        make = partial(_played, run=run, openings=openings, work=work)
        counters = _run(make, run, {"to_play": len(openings)}, beam_flags)
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
    run: Run,
    inputs: Sequence[tuple[Path, str]],
    annotation: Annotation | None,
) -> Pieces:
    """The positions in files."""
    parts = pipeline | "files" >> _numbered(_parts(inputs))
    pieces = parts | "spread" >> beam.GroupByKey() | "read" >> beam.ParDo(transforms.Read(run))
    pieces = _deduplicated(pieces, run, annotate=annotation is not None)
    if run.options.max_positions is not None:
        pieces = thin(pieces, run, Limit(run.options.max_positions))
    if annotation is None:
        return pieces
    blocks = pieces | "blocks" >> beam.ParDo(transforms.Blocks(run))
    annotated = _worked(blocks, run, annotation)
    return annotated | "bucket" >> beam.MapTuple(lambda key, piece: (key[0], piece))


def _played(pipeline: beam.Pipeline, run: Run, openings: Sequence[str], work: SelfPlay) -> Pieces:
    """The positions of games."""
    games = list(enumerate(openings))
    blocks = [games[i : i + GAMES_A_BLOCK] for i in range(0, len(games), GAMES_A_BLOCK)]
    played = _worked(pipeline | "openings" >> _numbered(blocks), run, work, read=True)
    pieces = (
        played
        | "together" >> beam.MapTuple(lambda number, piece: (number // _BLOCKS_TOGETHER, piece))
        | "gather games" >> beam.GroupByKey()
        | "divide" >> beam.ParDo(transforms.Divide(run))
    )
    return _deduplicated(pieces, run, annotate=False)


def _deduplicated(pieces: Pieces, run: Run, annotate: bool) -> Pieces:
    """The pieces with every position once."""
    step = transforms.Deduplicate(run, annotate)
    return pieces | "gather copies" >> beam.GroupByKey() | "deduplicate" >> beam.ParDo(step)


def _worked(blocks: Any, run: Run, work: Work, read: bool = False) -> Pieces:
    """(key, block) -> (key, piece)."""
    step = transforms.DoWork(run, work, read)
    return blocks | "share out" >> beam.GroupByKey() | "annotate" >> beam.ParDo(step)


def _numbered(elements: Iterable[Any]) -> beam.PTransform:
    """The start of a pipeline: (number, element). Grouped by number they are spread over the
    workers of every runner (for Dask's, Beam's Reshuffle does nothing)."""
    return beam.Create(list(enumerate(elements)), reshuffle=False)


def _run(
    make: Callable[[beam.Pipeline], Pieces],
    run: Run,
    totals: dict[str, int],
    flags: Sequence[str],
) -> Counter[str]:
    """Run the transforms; returns what they counted. ``make`` gives the positions."""
    options, place = run.options, run.place
    pipeline = empty_pipeline(flags)
    pieces = make(pipeline)
    if options.balance is not None:
        pieces = thin(pieces, run, Balance(ValueBins(options.bins), options.balance))
    # Every shard is written, also one that no position falls into.
    all_shards = [(shard, None) for shard in range(options.shards)]
    shards = pipeline | "shards" >> beam.Create(all_shards, reshuffle=False)
    keyed = pieces | "by shard" >> beam.Map(lambda found: (run.buckets.shard_of(found[0]), found))
    _ = (
        (keyed, shards)
        | "with all shards" >> beam.Flatten()
        | "gather" >> beam.GroupByKey()
        | "write" >> beam.ParDo(transforms.WriteShard(run))
    )
    log = place.root / "beam.log"
    try:
        totals = {**totals, "to_write": options.shards}
        with quiet(log) as console, progress_line(place.progress, totals, console):
            pipeline.run().wait_until_finish()
    except ArgmaxError as error:  # Beam adds the step's name
        raise type(error)(str(error).split(" [while running")[0]) from error
    except Exception as error:  # whatever a runner makes of a worker's failure
        raise ArgmaxError(f"{reason(error)} (Beam's log is {log})") from error
    finally:
        idle_workers.close()
    return total_counts(place)


def _parts(inputs: Sequence[tuple[Path, str]]) -> Iterator[InputPart]:
    """Files cut into parts: more for a large file, fewer if there are many files, since a worker
    that reads a part passes over the other parts of the file."""
    most = min(_MOST_PARTS, max(1, _PARTS_OF_ALL // max(1, len(inputs))))
    for number, (path, split) in enumerate(inputs):
        size = size_of(path)
        parts = max(1, min(most, size // _BYTES_A_PART))
        for part in range(parts):
            yield InputPart(number, str(path), size, split, part, parts)
