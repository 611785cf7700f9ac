"""Which positions to learn from more often: those in which it matters what is played.

In half of the positions of ordinary games the best move is worth less than 0.08 of win probability
more than the median move; most of what a network loses in play, it loses in the others.
"""

from collections.abc import Sequence

import numpy as np

from data_pipeline.dataset.columns import read_columns
from data_pipeline.encoding.values import ValueBins

MOST = 5
"""How many times as often as one in which all moves are worth the same a position comes at most."""
_CHUNK = 4096


def spreads(encoded: Sequence[bytes], mate_range: float = 0.0) -> np.ndarray:
    """[N] float32: how much more win probability the best scored move has than the median one (of
    an even number the better of the middle two); 0 where no move is scored.

    With a mate range the distance of mates counts too, in proportion (see `values`).
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
        worths = bins.worth_of_scores(read.scores)
        found[start + scored] = (worths[first] - worths[median]) / (1 - 2 * mate_range)
    return found


def times(spread: np.ndarray, focus: float, seed: int) -> np.ndarray:
    """[N] int: how many times each position comes in one pass, 1 to `MOST`.

    In proportion to its spread, drawn at random between whole numbers; a spread of ``focus`` and
    every larger one is `MOST`.
    """
    share = np.clip(spread / focus, 1 / MOST, 1)
    drawn = np.random.default_rng(seed).random(len(spread))
    return np.floor(MOST * share + drawn).astype(np.int64).clip(1, MOST)
