"""Which positions to keep, by their hashes: the same ones however the work is divided."""

from collections import Counter
from collections.abc import Iterable, Mapping

from data_pipeline.encoding.values import ValueBins

_MASK = 2**64 - 1
BUCKETS = 1 << 16


def lot(key: bytes, purpose: int) -> float:
    """A position's hash and a purpose -> its lot in [0, 1), independent between purposes.

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
    """
    z = (int.from_bytes(key) + purpose * 0x9E3779B97F4A7C15) & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return (z ^ z >> 31) / 2**64


SAMPLE, LIMIT, BALANCE = 1, 2, 3


def limit_bucket(key: bytes) -> int:
    """The bucket that decides whether a position is among the first `max_positions`."""
    return int(lot(key, LIMIT) * BUCKETS)


def limit_of(buckets: Mapping[int, int], max_positions: int) -> int:
    """Positions per bucket -> the first bucket to leave out, so that at most the number remains."""
    total = 0
    for bucket in range(BUCKETS):
        total += buckets.get(bucket, 0)
        if total > max_positions:
            return bucket
    return BUCKETS


def keep_shares(per_bin: Mapping[int, int], bins: ValueBins, balance: float) -> dict[int, float]:
    """Positions per value bin -> the share to keep of each.

    No bin keeps more than ``balance`` times what each bin would hold, were all alike: 1 cuts the
    full bins down to the mean, larger numbers cut less.
    """
    most = balance * sum(per_bin.values()) / bins.count
    return {value: min(1.0, most / count) for value, count in per_bin.items()}


def total_counts(counters: Iterable[Mapping[int, int]]) -> Counter[int]:
    """The sum of counts, as Beam's combiners take them."""
    total: Counter[int] = Counter()
    for counter in counters:
        total.update(counter)
    return total
