"""Training data as an endless, seeded, resumable stream of batches (Grain).

Examples are shuffled differently in each epoch. A stream's ``get_state`` and ``set_state`` save and
restore its position exactly. Batches are prepared ahead by another thread, or by processes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

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

T = TypeVar("T")
AHEAD = 16
"""Batches that are prepared ahead."""
SHUFFLED_AT_ONCE = 1 << 32
"""The most examples that Grain can shuffle at once. More are split into parts, every n-th example
in one part; the parts are shuffled separately and interleaved."""


def training_moves(
    data: Data, batch_size: int, seed: int, options: BatchOptions, *, processes: int = 0
) -> "Stream[Batch]":
    """`training_batches` of data. Raises InputError if positions do not have all their moves."""
    if isinstance(data, Bag):
        raise InputError(
            f"expected positions with all their moves, found single moves in {data.directory}; put "
            "them together with 'argmax data convert', or train the architecture 'sequence'"
        )
    return training_batches(data.records("train"), batch_size, seed, options, processes=processes)


def training_batches(
    encoded: Sequence[bytes],
    batch_size: int,
    seed: int,
    options: BatchOptions,
    *,
    processes: int = 0,
) -> "Stream[Batch]":
    """Batches of positions with their moves, by ``options``; ``processes``: see `Stream`, also
    below."""

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

    shuffled = _shuffled(range(len(indices)), batch_size, seed, batch, random=options.mirrored)
    return Stream(shuffled, processes)


def training_sequences(
    encoded: Sequence[bytes], batch_size: int, seed: int, *, processes: int = 0
) -> "Stream[Batch]":
    """Batches of pairs of a position and a move; an epoch has all pairs of all records."""
    ends = np.cumsum([records.num_scored_moves(row) for row in encoded])

    def batch(pairs: Sequence[int]) -> Batch:
        rows = np.searchsorted(ends, pairs, side="right")
        decoded = [records.decode(encoded[row]) for row in rows.tolist()]
        firsts = [ends[row] - len(r.actions) for row, r in zip(rows, decoded, strict=True)]
        return make_sequence_batch(decoded, np.subtract(pairs, firsts).tolist())

    return Stream(_shuffled(range(int(ends[-1])), batch_size, seed, batch), processes)


def training_pairs(
    data: Data, batch_size: int, seed: int, *, processes: int = 0
) -> "Stream[Batch]":
    """`training_sequences` of a dataset or of a bag, in which each record is one such pair."""
    encoded = data.records("train")
    if not isinstance(data, Bag):
        return training_sequences(encoded, batch_size, seed, processes=processes)

    def batch(rows: Sequence[bytes]) -> Batch:
        return make_sequence_batch(list(map(data.decode, rows)), [0] * len(rows))

    return Stream(_shuffled(encoded, batch_size, seed, batch), processes)


def training_positions(
    data: Data,
    usable: Callable[[bytes], bool],
    make_batch: Callable[[list[records.PositionRecord]], Batch],
    batch_size: int,
    seed: int,
    *,
    processes: int = 0,
) -> "Stream[Batch]":
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

    return Stream(_shuffled(range(len(indices)), batch_size, seed, batch), processes)


class Stream(Generic[T]):
    """Batches in the order of a Grain dataset, prepared ahead of the training.

    One thread prepares about 20,000 positions a second, more than a few CPU cores can train on;
    more threads do not prepare more, since Python runs one at a time. A GPU needs ``processes``,
    each of which prepares as many. The batches and the state do not depend on their number.
    """

    def __init__(self, batches: "grain.MapDataset[T]", processes: int = 0) -> None:
        self._batches = batches
        self._processes = processes
        self._next_index = 0
        self._prepared: grain.DatasetIterator[T] | None = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._prepared is None:
            self._prepared = self._prepare()
        batch = next(self._prepared)
        self._next_index += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The position in the stream."""
        return {"next_index": self._next_index}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        self.close()
        self._next_index = state["next_index"]

    def close(self) -> None:
        """End the threads or processes; the next batch starts new ones."""
        if self._prepared is not None:
            self._prepared.close()
            self._prepared = None

    def _prepare(self) -> "grain.DatasetIterator[T]":
        import grain
        from absl import flags

        left = self._batches.slice(slice(self._next_index, None))
        if not self._processes:
            return iter(left.to_iter_dataset(grain.ReadOptions(1, AHEAD)))
        if not flags.FLAGS.is_parsed():  # Grain's processes read them
            flags.FLAGS.mark_as_parsed()
        one_by_one = left.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))
        each = max(1, AHEAD // self._processes)
        return iter(one_by_one.mp_prefetch(grain.MultiprocessingOptions(self._processes, each)))


def _shuffled(
    source: Sequence[Any],
    batch_size: int,
    seed: int,
    batch: Callable[..., Batch],
    *,
    random: bool = False,
) -> "grain.MapDataset[Batch]":
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
    return rows.random_map(batch, seed=seed) if random else rows.map(batch)
