"""A dataset's split as an endless, seeded, resumable stream of training batches (Grain)."""

from collections.abc import Sequence

import grain

from data_pipeline import records
from data_pipeline.batches import Batch, make_batch


def training_batches(
    encoded: Sequence[bytes], batch_size: int, max_moves: int, seed: int
) -> grain.DatasetIterator[Batch]:
    """Batches in random order, pass after pass, each pass in an order of its own.

    The iterator's ``get_state`` and ``set_state`` save and restore its place exactly. Batches are
    made ahead on a thread of their own.
    """
    batches = (
        grain.MapDataset.source(encoded)  # pyright: ignore[reportArgumentType]
        .seed(seed)
        .shuffle()
        .repeat(None)
        .batch(batch_size, batch_fn=list)
        .map(lambda rows: make_batch([records.decode(row) for row in rows], max_moves))
    )
    return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)))
