"""Calibration of predicted win probabilities: reliability curve and PIT histogram (numpy).

The PIT (probability integral transform) is the predicted distribution function at the teacher's
value. Sums are kept per block of positions (position index modulo ``BLOCKS``) for a block
jackknife: the moves of one position are correlated, so whole positions are left out.
"""

import dataclasses

import numpy as np

from data_pipeline.common.intervals import jackknife_interval

BLOCKS = 64
_UNKNOWN = {"low": 0.0, "high": 1.0}


@dataclasses.dataclass
class Calibration:
    """Running sums over moves: ``add`` accumulates, the other methods give the figures.

    reliability: [BLOCKS, B, 3]: for each bin of predicted win probability, the number of moves, the
    sum of the predictions and the sum of the teacher's win probabilities. pit: [BLOCKS, P]: mass of
    the PIT histogram.
    """

    reliability: np.ndarray
    pit: np.ndarray

    @classmethod
    def empty(cls, bins: int = 20, pit_bins: int = 20) -> "Calibration":
        return cls(np.zeros((BLOCKS, bins, 3)), np.zeros((BLOCKS, pit_bins)))

    def add(self, predicted_win_probs, distributions, teacher_win_probs, teacher_bins, positions):
        """Add T moves: [T], [T, K], [T], [T] int and [T] int, the index of each move's position.

        Without distributions (None) only the reliability is updated.
        """
        blocks = np.asarray(positions) % BLOCKS
        bins = self.reliability.shape[1]
        bin_index = np.clip((np.asarray(predicted_win_probs) * bins).astype(int), 0, bins - 1)
        columns = (1.0, predicted_win_probs, teacher_win_probs)
        for column, amounts in enumerate(columns):
            np.add.at(self.reliability[..., column], (blocks, bin_index), amounts)
        if distributions is None:
            return
        low, high = probability_below(distributions, teacher_bins)
        np.add.at(self.pit, blocks, spread_mass(low, high, self.pit.shape[1]))

    def curve(self) -> list[dict[str, float]]:
        """The reliability curve: for each bin with moves, their number and the mean predicted and
        teacher's win probability, the latter with its 95 % interval: 0 to 1 if all moves of a bin
        are of one block, since nothing is left without it."""
        points = []
        for sums in self.reliability.swapaxes(0, 1):
            count, predicted, _ = sums.sum(axis=0)
            if count:
                mean, low, high = jackknife_interval(_teacher_mean, sums)
                point = {"count": int(count), "predicted": predicted / count, "teacher": mean}
                known = np.isfinite(low) and np.isfinite(high)
                points.append(point | {"low": low, "high": high} if known else point | _UNKNOWN)
        return points

    def error(self) -> tuple[float, float, float]:
        """(value, low, high): expected calibration error with bins of equal width.

        The mean over moves of |mean prediction - mean teacher| in their bin, in win probability.
        With finite data it is above zero even for a perfectly calibrated model.
        """
        value, low, high = jackknife_interval(_calibration_error, self.reliability)
        return value, max(0.0, low), high

    def pit_histogram(self) -> np.ndarray:
        """[P]: the share of moves in each PIT bin; 1/P in every bin for calibrated distributions.

        A U shape means that distributions are too narrow, a hump too wide, a slope biased.
        """
        total = self.pit.sum()
        return self.pit.sum(axis=0) / total if total else self.pit.sum(axis=0)


def _teacher_mean(sums) -> float:
    return sums[2] / sums[0] if sums[0] else np.nan


def _calibration_error(sums) -> float:
    return np.abs(sums[:, 1] - sums[:, 2]).sum() / max(sums[:, 0].sum(), 1.0)


def probability_below(distributions, teacher_bins) -> tuple[np.ndarray, np.ndarray]:
    """[T, K], [T] int -> [T], [T]: probability below the teacher's bin, and up to its upper
    edge."""
    distributions = np.asarray(distributions, np.float64)
    rows = np.arange(len(distributions))
    up_to = distributions.cumsum(axis=-1)[rows, teacher_bins]
    return up_to - distributions[rows, teacher_bins], up_to


def spread_mass(low, high, pit_bins: int) -> np.ndarray:
    """[T], [T] -> [T, P]: one unit of mass spread evenly over [low, high], in P bins of [0, 1].

    The non-randomised PIT histogram for discrete outcomes (Czado, Gneiting and Held 2009): flat in
    expectation for a calibrated model, even though many positions share one value.
    """
    edges = np.linspace(0.0, 1.0, pit_bins + 1)
    low, high = np.clip(low, 0.0, 1.0)[:, None], np.clip(high, 0.0, 1.0)[:, None]
    width = np.maximum(high - low, 1e-9)
    share = np.diff(np.clip((edges - low) / width, 0.0, 1.0), axis=-1)
    return share / np.maximum(share.sum(axis=-1, keepdims=True), 1e-9)
