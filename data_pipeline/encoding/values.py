"""Scores, win probabilities and bins.

A *score* is an int for the side to move: centipawns in [-MAX_CENTIPAWNS, MAX_CENTIPAWNS], or a mate
as engines write it: ``MATE - n`` for "mates in n moves" and ``-(MATE - n)`` for "is mated in n
moves". A *win probability* is a float in [0, 1], also for the side to move.

A *bin value* in [0, 1] is what a network's bins are over. It is the win probability, unless the
bins have a ``mate_range``: then ranges of that width at both ends are for mates, faster mates
further out, and win probabilities are scaled to the range between them. `ValueBins.win_prob_of`
converts a bin value to a win probability.

Play maximises the win probability. In decided positions, where it is near 0 or 1 for all good
moves, nearer mates are preferred: see `mate_bonus`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

# The slope of Lichess's fit of game results to centipawns, as in Ruoss et al. 2024, section 2.
WIN_PROBABILITY_SLOPE = 0.00368208

MATE = 32_000
MAX_CENTIPAWNS = 31_000
MAX_MATE_MOVES = 255
MATE_HORIZON = 40
"""With a mate range, mates in more moves than this all have the same bin value."""
MATE_BONUS = 0.5
"""Bonus for a mate in one over its win probability, in a decided position."""
DECIDED = 0.99
"""The bonus is phased in from this win probability of the best move, or down from 1 minus it."""


def win_probability(scores: npt.ArrayLike) -> np.ndarray:
    """Scores [...] -> win probabilities [...] float64: ``1 / (1 + exp(-0.00368208 * cp))``.

    Mates give 0 and 1 to within 1e-49, since their scores are far beyond any centipawns.
    """
    return 1.0 / (1.0 + np.exp(-WIN_PROBABILITY_SLOPE * np.asarray(scores, np.float64)))


def centipawns(win_probs: npt.ArrayLike) -> np.ndarray:
    """Win probabilities [...] -> centipawns [...] float64; the inverse of `win_probability`.

    0 and 1 have no finite inverse: they give -MAX_CENTIPAWNS and MAX_CENTIPAWNS.
    """
    p = np.asarray(win_probs, np.float64)
    with np.errstate(divide="ignore"):
        logit = np.log(p) - np.log1p(-p)
    return np.clip(logit / WIN_PROBABILITY_SLOPE, -MAX_CENTIPAWNS, MAX_CENTIPAWNS)


def mate_score(moves: int) -> int:
    """Mate in ``moves`` moves (positive: the side to move mates, negative: it is mated) -> score.

    Longer distances than MAX_MATE_MOVES are clipped. Raises ValueError for 0, which means that the
    game is over and is not the value of a move.
    """
    if moves == 0:
        raise ValueError("expected a mate distance of at least one move, found 0")
    distance = min(abs(moves), MAX_MATE_MOVES)
    return MATE - distance if moves > 0 else distance - MATE


def mate_in_moves(score: int) -> int | None:
    """The inverse of `mate_score`: the signed distance in moves, or None for centipawns."""
    if abs(score) <= MAX_CENTIPAWNS:
        return None
    return MATE - score if score > 0 else -(MATE + score)


def mate_bonus(win_probs: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """The bonus for near mates on top of the win probabilities of a position's moves; all [..., M].

    It is 0 unless the best move is almost certain to win, or to lose: in other positions a possible
    mate is no better than any other win with the same probability.
    """
    best = win_probs.max(axis=-1, keepdims=True)
    decided = np.clip((np.maximum(best, 1 - best) - DECIDED) / (1 - DECIDED), 0.0, 1.0)
    return MATE_BONUS * decided * nearness


@dataclass(frozen=True)
class ValueBins:
    """``count`` bins of equal width over bin values in [0, 1], which are win probabilities if
    ``mate_range`` is 0.

    Otherwise a win probability p without a mate has the bin value ``mate_range + (1 - 2 mate_range)
    p``; a mate in n moves has ``1 - mate_range (n - 1) / MATE_HORIZON``, and at least ``1 -
    mate_range``; being mated in n moves has 1 minus that.

    Bin k is the half-open interval (edges[k], edges[k + 1]], and bin 0 also contains 0: a value on
    an inner edge belongs to the bin below it, as in the reference (``searchsorted`` from the left).
    """

    count: int = 64
    mate_range: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(f"expected at least 2 bins, found {self.count}")
        if not 0 <= self.mate_range < 0.5:
            raise ValueError(f"expected a mate range in [0, 0.5), found {self.mate_range}")

    @property
    def width(self) -> float:
        """The width of a bin, in bin values."""
        return 1.0 / self.count

    @cached_property
    def edges(self) -> np.ndarray:
        """[count + 1] float64, from 0 to 1."""
        return np.linspace(0.0, 1.0, self.count + 1)

    @cached_property
    def centres(self) -> np.ndarray:
        """[count] float64: the bin value that represents each bin."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def bin_of(self, bin_values: npt.ArrayLike) -> np.ndarray:
        """Bin values [...] -> bin indices [...] int64. Raises ValueError for values outside [0,
        1]."""
        p = np.asarray(bin_values, np.float64)
        if p.size and not (p.min() >= 0.0 and p.max() <= 1.0):
            raise ValueError(f"expected win probabilities in [0, 1], found {p.min()} to {p.max()}")
        return np.searchsorted(self.edges[1:-1], p, side="left")

    def win_prob(self, distributions: npt.ArrayLike) -> np.ndarray:
        """Distributions [..., count] -> expected win probabilities [...]."""
        return np.asarray(distributions) @ self.win_prob_of(self.centres)

    def over_win_probs(self, distributions: npt.ArrayLike) -> np.ndarray:
        """Distributions [..., count] -> [..., K'] over equal bins of win probability, which have
        the width of these bins between the mate ranges; mates are in the first and last bin.
        Unchanged if there is no mate range."""
        masses = np.asarray(distributions)
        if not self.mate_range:
            return masses
        inner = self._between(np.linspace(0, 1, round(self.count * (1 - 2 * self.mate_range)) + 1))
        below = np.cumsum(masses.reshape(-1, self.count), axis=1, dtype=np.float64)
        below = np.pad(below, ((0, 0), (1, 0)))
        parts = np.array([np.interp(inner[1:-1], self.edges, row) for row in below])
        folded = np.diff(np.hstack((below[:, :1], parts, below[:, -1:])), axis=1)
        return folded.reshape(*masses.shape[:-1], -1)

    def nearness(self, distributions: npt.ArrayLike) -> np.ndarray:
        """Distributions [..., count] -> expected nearness of mates [...], see `nearness_of`."""
        return np.asarray(distributions) @ self.nearness_of(self.centres)

    def nearness_of(self, bin_values: npt.ArrayLike) -> np.ndarray:
        """Bin values [...] -> [...]: 1 for mate in one, -1 for being mated in one, less for longer
        mates and 0 without a mate; always 0 if there is no mate range."""
        bin_values = np.asarray(bin_values, np.float64)
        return (bin_values - self._between(self.win_prob_of(bin_values))) / (self.mate_range or 1.0)

    def bin_value_in(self, bin_values: npt.ArrayLike, other: "ValueBins") -> np.ndarray:
        """Bin values [...] of these bins -> those of ``other`` bins, with mates at 0 or 1 if those
        have no mate range."""
        bin_values = np.asarray(bin_values, np.float64)
        between = other._between(self.win_prob_of(bin_values))
        return np.clip(between + other.mate_range * self.nearness_of(bin_values), 0.0, 1.0)

    def _between(self, win_probs: np.ndarray) -> np.ndarray:
        return self.mate_range + (1 - 2 * self.mate_range) * win_probs

    def bin_value_of(self, win_probs: npt.ArrayLike) -> np.ndarray:
        """Win probabilities [...] -> bin values [...]; 0 and 1 are certain and do not change."""
        p = np.asarray(win_probs, np.float64)
        return np.where((p > 0) & (p < 1), self._between(p), p)

    def win_prob_of(self, bin_values: Any) -> Any:
        """Bin values [...] -> win probabilities [...]: the inverse of `bin_value_of`, and 0 or 1
        for mates. Works on arrays of NumPy and JAX."""
        return ((bin_values - self.mate_range) / (1 - 2 * self.mate_range)).clip(0.0, 1.0)

    def bin_values_of_scores(self, scores: npt.ArrayLike) -> np.ndarray:
        """Scores [...] -> bin values [...] float64, including distances to mate."""
        scores = np.asarray(scores, np.int64)
        between = self._between(win_probability(scores))
        distance = np.minimum(MATE - np.abs(scores), MATE_HORIZON + 1)
        beyond = self.mate_range * (1 - (distance - 1) / MATE_HORIZON)
        is_mate = np.abs(scores) > MAX_CENTIPAWNS
        return np.clip(between + np.where(is_mate, np.sign(scores) * beyond, 0.0), 0.0, 1.0)


def one_hot(values: npt.ArrayLike, bins: ValueBins) -> np.ndarray:
    """Bin values [...] -> distributions [..., K] float64: all mass in the bin of the value."""
    return np.eye(bins.count)[bins.bin_of(values)]


def two_hot(values: npt.ArrayLike, bins: ValueBins) -> np.ndarray:
    """Bin values [...] -> distributions [..., K] float64: mass on the two nearest centres.

    The mean is exactly the value, or the first or last centre for values beyond it. Schrittwieser
    et al. 2020 (MuZero), appendix F.
    """
    position = np.asarray(values, np.float64) / bins.width - 0.5  # in bins from the first centre
    position = np.clip(position, 0.0, bins.count - 1.0)
    return np.maximum(0.0, 1.0 - np.abs(position[..., None] - np.arange(bins.count)))
