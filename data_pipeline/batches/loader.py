"""Training data as an endless, seeded, resumable stream of batches (Grain).

Examples come in random order, pass after pass, each pass in another order. An iterator's
``get_state`` and ``set_state`` save and restore its place exactly. Batches are made ahead on other
threads.
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
"""The most that Grain can bring into random order; of more every n-th together."""


def training_moves(
    data: Data, batch_size: int, seed: int, options: BatchOptions
) -> "grain.DatasetIterator[Batch]":
    """`training_batches` of data. Raises InputError where they hold no whole positions."""
    if isinstance(data, Bag):
        raise InputError(
            f"expected positions with all their moves, found single moves in {data.directory}; put "
            "them together with 'argmax data convert', or train the architecture 'sequence'"
        )
    return training_batches(data.records("train"), batch_size, seed, options)


def training_batches(
    encoded: Sequence[bytes], batch_size: int, seed: int, options: BatchOptions
) -> "grain.DatasetIterator[Batch]":
    """Batches of positions with their moves, as ``options`` says."""

    numbers = np.arange(len(encoded))
    if options.oversampling:
        gaps = value_gaps(encoded, options.mate_range)
        numbers = np.repeat(numbers, repeats(gaps, options.oversampling, seed))

    def batch(chosen: Sequence[int], rng: np.random.Generator | None = None) -> Batch:
        rows = [encoded[number] for number in numbers[chosen].tolist()]
        turned = None if rng is None else rng.random(len(rows)) < 0.5
        return make_batch(
            rows, options.max_moves, options.mate_range, after=options.after, turned=turned
        )

    return _shuffled(range(len(numbers)), batch_size, seed, batch, random=options.mirrored)


def training_sequences(
    encoded: Sequence[bytes], batch_size: int, seed: int
) -> "grain.DatasetIterator[Batch]":
    """Batches of pairs of a position and a move; a pass gives every pair of all records once."""
    ends = np.cumsum([records.num_scored_moves(row) for row in encoded])

    def batch(pairs: Sequence[int]) -> Batch:
        rows = np.searchsorted(ends, pairs, side="right")
        chosen = [records.decode(encoded[row]) for row in rows.tolist()]
        firsts = [ends[row] - len(record.actions) for row, record in zip(rows, chosen, strict=True)]
        return make_sequence_batch(chosen, np.subtract(pairs, firsts).tolist())

    return _shuffled(range(int(ends[-1])), batch_size, seed, batch)


def training_pairs(data: Data, batch_size: int, seed: int) -> "grain.DatasetIterator[Batch]":
    """`training_sequences` of data; each record of a bag is such a pair."""
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
    """Batches of whole positions: of a dataset those that are usable, of a bag all. Raises
    InputError where there are too few."""
    encoded = data.records("train")
    numbers: Sequence[int] = range(len(encoded))
    if isinstance(data, Dataset):
        numbers = np.flatnonzero([usable(row) for row in encoded]).tolist()
    if len(numbers) < batch_size:
        raise InputError(
            f"expected at least one batch of {batch_size} positions that say what is to be "
            f"learned, found {len(numbers)} in {data.directory}"
        )

    def batch(chosen: Sequence[int]) -> Batch:
        return make_batch([data.decode(encoded[numbers[number]]) for number in chosen])

    return _shuffled(range(len(numbers)), batch_size, seed, batch)


def _shuffled(
    source: Sequence[Any],
    batch_size: int,
    seed: int,
    batch: Callable[..., Batch],
    *,
    random: bool = False,
) -> "grain.DatasetIterator[Batch]":
    """``batch`` takes what is in a batch and, if it is ``random``, a generator of its own."""
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
    """How batches are made ahead: a thread makes some 40,000 positions a second, more than a few
    cores learn from, but fewer than a GPU does."""
    import grain

    threads = max(1, (os.cpu_count() or 1) // 4)
    return grain.ReadOptions(num_threads=threads, prefetch_buffer_size=16)
