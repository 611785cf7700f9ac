"""Oversampling: positions in which the choice of move matters come more often.

In half of the positions of ordinary games, the best move is less than 0.08 in win probability
better than the median move. Most of what a network loses in play, it loses in the other half.
"""

from collections.abc import Sequence

import numpy as np

from data_pipeline.dataset.columns import read_columns
from data_pipeline.encoding.values import ValueBins

MOST = 5
"""The most times that a position comes in one epoch."""
_CHUNK = 4096


def value_gaps(encoded: Sequence[bytes], mate_range: float = 0.0) -> np.ndarray:
    """[N] float32: the win probability of the best scored move minus that of the median one (of an
    even number of moves the better of the middle two); 0 if no move is scored.

    With a mate range the distance to mate counts too, in proportion (see `values`).
    """
    bins = ValueBins(mate_range=mate_range)
    found = np.zeros(len(encoded), np.float32)
    for start in range(0, len(encoded), _CHUNK):
        stop = min(start + _CHUNK, len(encoded))
        read = read_columns([encoded[i] for i in range(start, stop)], 256)
        counts = np.bincount(read.moves.rows, minlength=stop - start)
        (scored,) = np.nonzero(counts)
        first = (np.cumsum(counts) - counts)[scored]
        median = first + (counts[scored] - 1) // 2
        values = bins.bin_values_of_scores(read.scores)
        found[start + scored] = (values[first] - values[median]) / (1 - 2 * mate_range)
    return found


def repeats(gaps: np.ndarray, most_from: float, seed: int) -> np.ndarray:
    """Value gaps [N] -> [N] int: how often each position comes in one epoch, 1 to `MOST` times.

    Proportional to the gap, randomly rounded; `MOST` times for gaps of ``most_from`` and above.
    """
    share = np.clip(gaps / most_from, 1 / MOST, 1)
    drawn = np.random.default_rng(seed).random(len(gaps))
    return np.floor(MOST * share + drawn).astype(np.int64).clip(1, MOST)
