"""Statistics of a dataset: counts, values, pieces, plies, phases, mates, and overlap with
another."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import Dataset, position_hash
from data_pipeline.encoding.phases import PHASES, phase_of
from data_pipeline.encoding.values import MAX_CENTIPAWNS, ValueBins

PLY_STEP = 10


@dataclass
class Stats:
    """Counts over the records of a split; Counters are named after what they count by."""

    positions: int = 0
    moves: int = 0
    complete: int = 0
    record_bytes: int = 0
    white_to_move: int = 0
    mates: int = 0
    """Positions whose best move has a mate score, for or against."""
    value_bins: Counter[int] = field(default_factory=Counter)
    men: Counter[int] = field(default_factory=Counter)
    plies: Counter[int] = field(default_factory=Counter)
    """By ply, rounded down to multiples of PLY_STEP; -1 if unknown."""
    depths: Counter[int] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)

    def add(self, data: bytes, bins: ValueBins) -> None:
        """Count one encoded record."""
        record = records.decode(data)
        self.positions += 1
        self.moves += len(record.actions)
        self.complete += record.complete
        self.record_bytes += len(data)
        self.white_to_move += record.board.turn
        value = records.value_of(data)
        self.mates += value is not None and abs(value) > MAX_CENTIPAWNS
        self.value_bins[records.value_bin(data, bins)] += 1
        self.men[record.board.occupied.bit_count()] += 1
        self.plies[-1 if record.ply is None else record.ply // PLY_STEP * PLY_STEP] += 1
        self.depths[record.depth] += 1
        self.phases[PHASES[phase_of(record.board)]] += 1

    def as_json(self) -> dict[str, Any]:
        """As a JSON object, with sorted counters."""
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }


def stats_of(encoded: Iterable[bytes], bins: ValueBins) -> Stats:
    """Count encoded records."""
    stats = Stats()
    for data in encoded:
        stats.add(data, bins)
    return stats


def hashes(dataset: Dataset, split: str) -> set[bytes]:
    """The position hashes of a split."""
    return {position_hash(records.decode(data).board) for data in dataset.records(split)}
