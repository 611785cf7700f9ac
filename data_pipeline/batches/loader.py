"""Training data as an endless, seeded, resumable stream of batches (Grain).

Everything comes in random order, pass after pass, each pass in an order of its own. An iterator's
``get_state`` and ``set_state`` save and restore its place exactly. Batches are made ahead on
threads of their own.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grain
import numpy as np

from data_pipeline.batches import oversampling as focus
from data_pipeline.batches.board_batches import Batch, make_batch
from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.batches.position_batches import make_choice_batch, make_state_batch
from data_pipeline.batches.sequence_batches import SequenceBatch, make_sequence_batch
from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import Dataset

T = TypeVar("T")

SHUFFLED_AT_ONCE = 1 << 32
"""The most that Grain can bring into random order; of more every n-th together."""

READ_AHEAD = grain.ReadOptions(
    num_threads=max(1, (os.cpu_count() or 1) // 4), prefetch_buffer_size=16
)
"""How batches are made ahead: a thread makes some 40,000 positions a second, more than a few cores
learn from, but fewer than a GPU does."""


@dataclass(frozen=True)
class BoardBatches:
    """What batches for the layout `board` hold; all but the first of positions with their moves'
    values."""

    max_moves: int
    """Of a position; the best are kept."""
    mate_range: float = 0.0
    """See `values`."""
    after: bool = False
    """Whether moves come with their `consequences`."""
    mirrored: bool = False
    """Whether half of those that can be are mirrored left to right, drawn anew each pass."""
    focus: float = 0.0
    """From this spread of win probabilities on a position comes most often; see `focus`. 0: all
    come as often."""


def training_data(
    data: Dataset | Bag,
    policy: str,
    sequences: bool,
    batch_size: int,
    seed: int,
    how: BoardBatches,
) -> grain.DatasetIterator[Any]:
    """Batches of what a policy of `chessbench.POLICIES` learns, as sequences or for `board`, as
    ``how`` says. Raises InputError where the data do not say what is to be learned."""
    encoded = data.records("train")
    if policy == "action_value":
        if isinstance(data, Bag):
            return _pairs_of_bag(data, sequences, batch_size, seed)
        if sequences:
            return training_sequences(encoded, batch_size, seed)
        return training_batches(encoded, batch_size, seed, how)
    numbers: Sequence[int] = range(len(encoded))
    if isinstance(data, Dataset):
        usable = records.has_value if policy == "state_value" else records.has_choice
        numbers = np.flatnonzero([usable(row) for row in encoded]).tolist()
    if len(numbers) < batch_size:
        raise InputError(
            f"expected at least one batch of {batch_size} positions for {policy}, "
            f"found {len(numbers)} in {data.directory}"
        )

    def batch(chosen: Sequence[int]) -> Any:
        rows = [data.decode(encoded[numbers[number]]) for number in chosen]
        if policy == "state_value":
            return make_state_batch(rows, sequences)
        return make_choice_batch(rows, sequences, how.max_moves)

    return _shuffled(grain.MapDataset.range(len(numbers)), batch_size, seed, batch)


def training_batches(
    encoded: Sequence[bytes], batch_size: int, seed: int, how: BoardBatches
) -> grain.DatasetIterator[Batch]:
    """Batches of positions with their moves, as ``how`` says."""

    numbers = np.arange(len(encoded))
    if how.focus:
        spread = focus.spreads(encoded, how.mate_range)
        numbers = np.repeat(numbers, focus.times(spread, how.focus, seed))

    def batch(chosen: Sequence[int], rng: np.random.Generator | None = None) -> Batch:
        rows = [encoded[number] for number in numbers[chosen].tolist()]
        turned = None if rng is None else rng.random(len(rows)) < 0.5
        return make_batch(rows, how.max_moves, how.mate_range, after=how.after, turned=turned)

    source = grain.MapDataset.range(len(numbers))
    return _shuffled(source, batch_size, seed, batch, random=how.mirrored)


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


def _pairs_of_bag(
    bag: Bag, sequences: bool, batch_size: int, seed: int
) -> grain.DatasetIterator[SequenceBatch]:
    if not sequences:
        raise InputError(
            f"expected positions with all their moves, found single moves in {bag.directory}; put "
            "them together with 'argmax data convert', or train the layout 'sequence'"
        )
    return _shuffled(
        grain.MapDataset.source(bag.records("train")),  # pyright: ignore[reportArgumentType]
        batch_size,
        seed,
        lambda rows: make_sequence_batch(list(map(bag.decode, rows)), [0] * len(rows)),
    )


def _shuffled(
    source: grain.MapDataset,
    batch_size: int,
    seed: int,
    batch: Callable[..., T],
    *,
    random: bool = False,
) -> grain.DatasetIterator[T]:
    """``batch`` takes what is in a batch and, if it is ``random``, a generator of its own."""
    parts = -(-len(source) // SHUFFLED_AT_ONCE)
    shuffled = source.seed(seed).shuffle()
    if parts > 1:
        parted = (source[part::parts].seed(seed + part).shuffle() for part in range(parts))
        shuffled = grain.MapDataset.mix(list(parted))
    rows = shuffled.repeat(None).batch(batch_size, batch_fn=list)
    batches = rows.random_map(batch, seed=seed) if random else rows.map(batch)
    return iter(batches.to_iter_dataset(READ_AHEAD))
