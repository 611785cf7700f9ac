"""Are predicted win probabilities true? Reliability of the expected value, and the PIT (numpy).

Sums are kept per block of positions (position number modulo ``BLOCKS``), so that intervals can be
had by leaving out whole positions: the moves of one position are alike.
"""

import dataclasses

import numpy as np

from data_pipeline.common.intervals import jackknife_interval

BLOCKS = 64


@dataclasses.dataclass
class Calibration:
    """Running sums over moves; feed it with ``add``, read it with the methods below.

    reliability: [BLOCKS, B, 3]: per bin of the prediction the count, and the sums of the predicted
    and of the teacher's win probabilities. pit: [BLOCKS, P]: the PIT histogram's mass.
    """

    reliability: np.ndarray
    pit: np.ndarray

    @classmethod
    def empty(cls, bins: int = 20, pit_bins: int = 20) -> "Calibration":
        return cls(np.zeros((BLOCKS, bins, 3)), np.zeros((BLOCKS, pit_bins)))

    def add(self, predicted_win_probs, distributions, teacher_win_probs, teacher_bins, positions):
        """[T], [T, K], [T], [T] int, [T] int: T moves, ``positions`` numbering their positions.

        Without distributions (None) only the reliability is counted.
        """
        blocks = np.asarray(positions) % BLOCKS
        bins = self.reliability.shape[1]
        place = np.clip((np.asarray(predicted_win_probs) * bins).astype(int), 0, bins - 1)
        columns = (1.0, predicted_win_probs, teacher_win_probs)
        for column, amounts in enumerate(columns):
            np.add.at(self.reliability[..., column], (blocks, place), amounts)
        if distributions is None:
            return
        low, high = probability_below(distributions, teacher_bins)
        np.add.at(self.pit, blocks, spread_mass(low, high, self.pit.shape[1]))

    def curve(self) -> list[dict[str, float]]:
        """The reliability curve: per filled bin the count and the two mean win probabilities,
        the teacher's with its 95 % interval."""
        points = []
        for place in range(self.reliability.shape[1]):
            count, predicted, _ = self.reliability[:, place].sum(axis=0)
            if count:
                mean, low, high = jackknife_interval(_teacher_mean, self.reliability[:, place])
                point = {"count": int(count), "predicted": predicted / count, "teacher": mean}
                points.append(point | {"low": low, "high": high})
        return points

    def error(self) -> tuple[float, float, float]:
        """(value, low, high): mean over moves of |mean prediction - mean teacher| of their bin.

        The expected calibration error with bins of equal width; in win probability. Never quite
        zero with finite data, even for a perfect model.
        """
        value, low, high = jackknife_interval(_calibration_error, self.reliability)
        return value, max(0.0, low), high

    def pit_histogram(self) -> np.ndarray:
        """[P]: the share of the moves per PIT bin; 1/P everywhere for calibrated distributions.

        A cup means distributions too narrow, a hump too wide, a slope a bias.
        """
        total = self.pit.sum()
        return self.pit.sum(axis=0) / total if total else self.pit.sum(axis=0)


def _teacher_mean(sums) -> float:
    return sums[2] / sums[0] if sums[0] else np.nan


def _calibration_error(sums) -> float:
    return np.abs(sums[:, 1] - sums[:, 2]).sum() / max(sums[:, 0].sum(), 1.0)


def probability_below(distributions, teacher_bins) -> tuple[np.ndarray, np.ndarray]:
    """[T, K], [T] int -> [T], [T]: the probability below the teacher's bin, and up to its end."""
    distributions = np.asarray(distributions, np.float64)
    rows = np.arange(len(distributions))
    up_to = distributions.cumsum(axis=-1)[rows, teacher_bins]
    return up_to - distributions[rows, teacher_bins], up_to


def spread_mass(low, high, pit_bins: int) -> np.ndarray:
    """[T], [T] -> [T, P]: one unit of mass spread evenly over [low, high], cut into P bins.

    The non-randomised PIT histogram for discrete outcomes (Czado, Gneiting and Held 2009): exactly
    flat in expectation for a calibrated model even though many positions share one value.
    """
    edges = np.linspace(0.0, 1.0, pit_bins + 1)
    low, high = np.clip(low, 0.0, 1.0)[:, None], np.clip(high, 0.0, 1.0)[:, None]
    width = np.maximum(high - low, 1e-9)
    share = np.diff(np.clip((edges - low) / width, 0.0, 1.0), axis=-1)
    return share / np.maximum(share.sum(axis=-1, keepdims=True), 1e-9)
