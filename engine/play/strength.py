"""Limited strength: the temperature at which a network plays at a given Elo.

The curve is measured from games of the network at several temperatures, rated together. It is
stored in the network's training record under ``strength``::

    {"strength": {"temperatures": [0.0, 0.02, ...], "elos": [1650, 1580, ...]}}
"""

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

from data_pipeline.common.errors import InputError

TRAINING_KEY = "strength"
MAX_HEADER = 1 << 24  # bytes; limits what is read from a file that is not a network


@dataclass(frozen=True)
class StrengthCurve:
    """Elo by temperature (in win probability): temperatures increase, Elo decreases."""

    temperatures: tuple[float, ...]
    elos: tuple[float, ...]

    def __post_init__(self) -> None:
        points = len(self.temperatures)
        if points < 2 or points != len(self.elos) or self.temperatures[0] < 0:
            raise InputError(f"expected temperatures and as many Elos, at least 2, found {self}")
        if not all(map(isfinite, (*self.temperatures, *self.elos))):
            raise InputError(f"expected finite temperatures and Elos, found {self}")
        rising = all(a < b for a, b in pairwise(self.temperatures))
        falling = all(a > b for a, b in pairwise(self.elos))
        if not (rising and falling):
            raise InputError(f"expected rising temperatures with falling Elos, found {self}")

    @property
    def elo_range(self) -> tuple[int, int]:
        """The measured range of Elo, rounded inwards to integers."""
        return -int(-self.elos[-1] // 1), int(self.elos[0] // 1)

    def temperature(self, elo: float) -> float:
        """The temperature for an Elo, by linear interpolation; clipped to the measured range."""
        rising = self.elos[::-1]
        i = bisect_left(rising, elo)
        if i in (0, len(rising)):
            return self.temperatures[-1] if i == 0 else self.temperatures[0]
        below, above = rising[i - 1], rising[i]
        hot, cold = self.temperatures[-i], self.temperatures[-i - 1]
        return hot + (cold - hot) * (elo - below) / (above - below)

    def to_training(self) -> dict[str, Any]:
        """The entry for a network's training record; the inverse of `curve_of`."""
        return {"temperatures": list(self.temperatures), "elos": list(self.elos)}


def curve_of(training: Mapping[str, Any]) -> StrengthCurve | None:
    """The curve in a network's training record, or None if it has none. Raises InputError."""
    record = training.get(TRAINING_KEY)
    if record is None:
        return None
    try:
        temperatures, elos = (tuple(map(float, record[key])) for key in ("temperatures", "elos"))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"expected a strength curve in a network, found {record!r:.100}") from None
    return StrengthCurve(temperatures, elos)


def read_curve(network: Path) -> StrengthCurve | None:
    """The curve in a network file, read without numpy; None if it cannot be read.

    A safetensors file starts with the length of its header (8 bytes, little-endian) and the header
    as JSON. Errors in the file are reported by `model.network.network_file.load_network`.
    """
    if not network.is_file():  # reading a pipe would block
        return None
    try:
        with open(network, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, MAX_HEADER)))
        return curve_of(json.loads(header["__metadata__"]["argmax"])["training"])
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        InputError,
    ):
        return None


def fit_curve(
    temperatures: Sequence[float], elos: Sequence[float], games: Sequence[float]
) -> StrengthCurve:
    """The decreasing curve that is nearest to measured points.

    Isotonic least squares, weighted by the number of games (Barlow & Brunk 1972): by chance a
    higher temperature may get a higher rating, although it does not play better. Points with equal
    fitted Elo are merged at their mean temperature.
    """
    from scipy.optimize import isotonic_regression

    order = sorted(range(len(temperatures)), key=lambda i: temperatures[i])
    fitted = isotonic_regression(
        [elos[i] for i in order], weights=[games[i] for i in order], increasing=False
    )
    starts = [*map(int, fitted.blocks)]
    merged = [
        (sum(temperatures[i] for i in order[a:b]) / (b - a), float(fitted.x[a]))
        for a, b in pairwise(starts)
    ]
    return StrengthCurve(tuple(t for t, _ in merged), tuple(e for _, e in merged))
