"""Steps that need counts over all positions to decide which to keep.

The counts of all buckets are grouped under one key. The decision is passed on with the buckets, and
not as a side input, which not every runner implements correctly.
"""

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam

from data_pipeline.beam import selection
from data_pipeline.beam.pieces import Piece, read_all, write_piece
from data_pipeline.beam.transforms import Pieces, Run, Step
from data_pipeline.common.files import write_atomically
from data_pipeline.dataset import records
from data_pipeline.dataset.records import Keyed
from data_pipeline.encoding.values import ValueBins


class Rule(Protocol):
    """What is counted, and which positions are kept given all counts."""

    name: str
    reason: str
    """The name of its count of dropped positions."""

    def class_of(self, keyed: Keyed) -> int:
        """The class that a position is counted in."""
        ...

    def decide(self, counts: Counter[int]) -> Any:
        """The counts of all positions by class -> a decision."""
        ...

    def keeps(self, keyed: Keyed, decision: Any) -> bool:
        """Whether the position is kept."""
        ...


@dataclass(frozen=True)
class Limit:
    """Keep at most ``max_positions``, those of the lowest lots."""

    max_positions: int
    name = "limit"
    reason = "beyond max-positions"

    def class_of(self, keyed: Keyed) -> int:
        return selection.limit_bucket(keyed[0])

    def decide(self, counts: Counter[int]) -> int:
        return selection.limit_of(counts, self.max_positions)

    def keeps(self, keyed: Keyed, decision: int) -> bool:
        return self.class_of(keyed) < decision


@dataclass(frozen=True)
class Balance:
    """Cut the full value bins down; see `selection.keep_shares`."""

    bins: ValueBins
    balance: float
    name = "balance"
    reason = "to balance"

    def class_of(self, keyed: Keyed) -> int:
        return records.value_bin(keyed[1], self.bins)

    def decide(self, counts: Counter[int]) -> dict[int, float]:
        return selection.keep_shares(counts, self.bins, self.balance)

    def keeps(self, keyed: Keyed, decision: dict[int, float]) -> bool:
        return selection.lot(keyed[0], selection.BALANCE) < decision[self.class_of(keyed)]


def thin(pieces: Pieces, run: Run, rule: Rule) -> Pieces:
    """The pieces without the positions that the rule does not keep."""
    return (
        pieces
        | f"{rule.name}: gather" >> beam.GroupByKey()
        | f"{rule.name}: count" >> beam.ParDo(_Count(run, rule))
        | f"{rule.name}: all counts" >> beam.GroupByKey()
        | f"{rule.name}: decide" >> beam.ParDo(_Decide(run, rule))
        | f"{rule.name}: share out" >> beam.GroupByKey()
        | f"{rule.name}: keep" >> beam.ParDo(_Keep(run, rule))
    )


class _RuleStep(Step):
    def __init__(self, run: Run, rule: Rule) -> None:
        super().__init__(run)
        self.rule = rule

    def counts_of(self, bucket: int) -> Path:
        """The file with a bucket's counts."""
        return self.place.pieces / f"{self.rule.name}-{bucket:05d}.counts"


class _Count(_RuleStep):
    """(bucket, its pieces) -> the same under one key, with the counts in a file."""

    def process(
        self, element: tuple[int, Iterable[Piece]]
    ) -> Iterator[tuple[int, tuple[int, list[Piece]]]]:
        bucket, pieces = element[0], list(element[1])
        counts = Counter(map(self.rule.class_of, read_all(pieces)))
        write_atomically(self.counts_of(bucket), pickle.dumps(counts))
        yield 0, (bucket, pieces)


class _Decide(_RuleStep):
    """All buckets -> (bucket, (its pieces, decision))."""

    def process(
        self, element: tuple[int, Iterable[tuple[int, list[Piece]]]]
    ) -> Iterator[tuple[int, tuple[list[Piece], Any]]]:
        found = list(element[1])
        total: Counter[int] = Counter()
        for bucket, _ in found:
            total.update(pickle.loads(self.counts_of(bucket).read_bytes()))
        decision = self.rule.decide(total)
        yield from ((bucket, (pieces, decision)) for bucket, pieces in found)


class _Keep(_RuleStep):
    """(bucket, [(its pieces, decision)]) -> one piece of what is kept."""

    def process(
        self, element: tuple[int, Iterable[tuple[list[Piece], Any]]]
    ) -> Iterator[tuple[int, Piece]]:
        bucket, ((pieces, decision),) = element
        name = f"{self.rule.name}-{bucket:05d}"
        with self.counting(name) as counts:
            found = list(read_all(pieces))
            kept = [keyed for keyed in found if self.rule.keeps(keyed, decision)]
            counts[f"dropped/{self.rule.reason}"] = len(found) - len(kept)
        yield bucket, write_piece(self.new_bag(name), kept)
