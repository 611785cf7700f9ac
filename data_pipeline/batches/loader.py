"""Training data as an endless, seeded, resumable stream of batches (Grain).

Examples are shuffled differently in each epoch. An iterator's ``get_state`` and ``set_state`` save
and restore its position exactly. Batches are prefetched by other threads.
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from data_pipeline.batches.batch import Batch, BatchOptions, Data
from data_pipeline.batches.board_batches import make_batch
from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.batches.oversampling import repeats, value_gaps
from data_pipeline.batches.sequence_batches import make_sequence_batch
from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import Dataset

if TYPE_CHECKING:
    import grain

SHUFFLED_AT_ONCE = 1 << 32
"""The most examples that Grain can shuffle at once. More are split into parts, every n-th example
in one part; the parts are shuffled separately and interleaved."""


def training_moves(
    data: Data, batch_size: int, seed: int, options: BatchOptions
) -> "grain.DatasetIterator[Batch]":
    """`training_batches` of data. Raises InputError if positions do not have all their moves."""
    if isinstance(data, Bag):
        raise InputError(
            f"expected positions with all their moves, found single moves in {data.directory}; put "
            "them together with 'argmax data convert', or train the architecture 'sequence'"
        )
    return training_batches(data.records("train"), batch_size, seed, options)


def training_batches(
    encoded: Sequence[bytes], batch_size: int, seed: int, options: BatchOptions
) -> "grain.DatasetIterator[Batch]":
    """Batches of positions with their moves, by ``options``."""

    indices = np.arange(len(encoded))
    if options.oversampling:
        gaps = value_gaps(encoded, options.mate_range)
        indices = np.repeat(indices, repeats(gaps, options.oversampling, seed))

    def batch(examples: Sequence[int], rng: np.random.Generator | None = None) -> Batch:
        rows = [encoded[index] for index in indices[examples].tolist()]
        mirrored = None if rng is None else rng.random(len(rows)) < 0.5
        return make_batch(
            rows, options.max_moves, options.mate_range, after=options.after, mirrored=mirrored
        )

    return _shuffled(range(len(indices)), batch_size, seed, batch, random=options.mirrored)


def training_sequences(
    encoded: Sequence[bytes], batch_size: int, seed: int
) -> "grain.DatasetIterator[Batch]":
    """Batches of pairs of a position and a move; an epoch has all pairs of all records."""
    ends = np.cumsum([records.num_scored_moves(row) for row in encoded])

    def batch(pairs: Sequence[int]) -> Batch:
        rows = np.searchsorted(ends, pairs, side="right")
        decoded = [records.decode(encoded[row]) for row in rows.tolist()]
        firsts = [ends[row] - len(r.actions) for row, r in zip(rows, decoded, strict=True)]
        return make_sequence_batch(decoded, np.subtract(pairs, firsts).tolist())

    return _shuffled(range(int(ends[-1])), batch_size, seed, batch)


def training_pairs(data: Data, batch_size: int, seed: int) -> "grain.DatasetIterator[Batch]":
    """`training_sequences` of a dataset or of a bag, in which each record is one such pair."""
    encoded = data.records("train")
    if not isinstance(data, Bag):
        return training_sequences(encoded, batch_size, seed)

    def batch(rows: Sequence[bytes]) -> Batch:
        return make_sequence_batch(list(map(data.decode, rows)), [0] * len(rows))

    return _shuffled(encoded, batch_size, seed, batch)


def training_positions(
    data: Data,
    usable: Callable[[bytes], bool],
    make_batch: Callable[[list[records.PositionRecord]], Batch],
    batch_size: int,
    seed: int,
) -> "grain.DatasetIterator[Batch]":
    """Batches of whole positions: the usable ones of a dataset, or all of a bag. Raises InputError
    if there are fewer than a batch."""
    encoded = data.records("train")
    indices: Sequence[int] = range(len(encoded))
    if isinstance(data, Dataset):
        indices = np.flatnonzero([usable(row) for row in encoded]).tolist()
    if len(indices) < batch_size:
        raise InputError(
            f"expected at least one batch of {batch_size} positions with a target to "
            f"learn, found {len(indices)} in {data.directory}"
        )

    def batch(examples: Sequence[int]) -> Batch:
        return make_batch([data.decode(encoded[indices[index]]) for index in examples])

    return _shuffled(range(len(indices)), batch_size, seed, batch)


def _shuffled(
    source: Sequence[Any],
    batch_size: int,
    seed: int,
    batch: Callable[..., Batch],
    *,
    random: bool = False,
) -> "grain.DatasetIterator[Batch]":
    """``batch``: (examples) -> a batch, or with ``random`` (examples, generator) -> a batch."""
    import grain

    examples = (
        grain.MapDataset.range(len(source))
        if isinstance(source, range)
        else grain.MapDataset.source(source)  # pyright: ignore[reportArgumentType]
    )
    parts = -(-len(examples) // SHUFFLED_AT_ONCE)
    shuffled = examples.seed(seed).shuffle()
    if parts > 1:
        parted = (examples[part::parts].seed(seed + part).shuffle() for part in range(parts))
        shuffled = grain.MapDataset.mix(list(parted))
    rows = shuffled.repeat(None).batch(batch_size, batch_fn=list)
    batches = rows.random_map(batch, seed=seed) if random else rows.map(batch)
    return iter(batches.to_iter_dataset(read_ahead()))


def read_ahead() -> "grain.ReadOptions":
    """Prefetching: one thread prepares about 20,000 positions a second, more than a few CPU cores
    can train on, but less than a GPU can."""
    import grain

    threads = max(1, (os.cpu_count() or 1) // 4)
    return grain.ReadOptions(num_threads=threads, prefetch_buffer_size=16)
