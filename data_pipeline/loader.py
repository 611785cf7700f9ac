"""A dataset's split as an endless, seeded, resumable stream of training batches (Grain).

Everything comes in random order, pass after pass, each pass in an order of its own. An iterator's
``get_state`` and ``set_state`` save and restore its place exactly. Batches are made ahead on a
thread of their own.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import grain
import numpy as np

from data_pipeline import records
from data_pipeline.batches import Batch, make_batch
from data_pipeline.sequences import SequenceBatch, make_sequence_batch

T = TypeVar("T")


def training_batches(
    encoded: Sequence[bytes], batch_size: int, max_moves: int, seed: int
) -> grain.DatasetIterator[Batch]:
    """Batches of positions with their moves."""
    return _shuffled(
        grain.MapDataset.source(encoded),  # pyright: ignore[reportArgumentType]
        batch_size,
        seed,
        lambda rows: make_batch(rows, max_moves),
    )


def training_sequences(
    encoded: Sequence[bytes], batch_size: int, seed: int
) -> grain.DatasetIterator[SequenceBatch]:
    """Batches of pairs of a position and a move; a pass gives every pair of all records once."""
    ends = np.cumsum([records.moves_of(row) for row in encoded])

    def batch(pairs: Sequence[int]) -> SequenceBatch:
        rows = np.searchsorted(ends, pairs, side="right")
        chosen = [records.decode(encoded[row]) for row in rows.tolist()]
        firsts = [ends[row] - len(record.actions) for row, record in zip(rows, chosen, strict=True)]
        return make_sequence_batch(chosen, np.subtract(pairs, firsts).tolist())

    return _shuffled(grain.MapDataset.range(int(ends[-1])), batch_size, seed, batch)


def _shuffled(
    source: grain.MapDataset, batch_size: int, seed: int, batch: Callable[[Sequence], T]
) -> grain.DatasetIterator[T]:
    batches = source.seed(seed).shuffle().repeat(None).batch(batch_size, batch_fn=list).map(batch)
    return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)))
