"""Playing weaker on purpose: the temperature at which a network plays at a given Elo.

The curve is measured (games of the network at several temperatures, rated together) and travels
with the network, in its training record under ``strength``::

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
MAX_HEADER = 1 << 24  # bytes; also what a file that is no network may cost


@dataclass(frozen=True)
class StrengthCurve:
    """Elo against temperature (in win probability): rising temperatures, falling Elo."""

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
        """The weakest and the strongest play that was measured, in whole Elo within the range."""
        return -int(-self.elos[-1] // 1), int(self.elos[0] // 1)

    def temperature(self, elo: float) -> float:
        """The temperature for an Elo; beyond what was measured, that of the nearest end."""
        rising = self.elos[::-1]
        i = bisect_left(rising, elo)
        if i in (0, len(rising)):
            return self.temperatures[-1] if i == 0 else self.temperatures[0]
        below, above = rising[i - 1], rising[i]
        hot, cold = self.temperatures[-i], self.temperatures[-i - 1]
        return hot + (cold - hot) * (elo - below) / (above - below)

    def to_training(self) -> dict[str, Any]:
        """What is stored in a network's training record; the inverse of `curve_of`."""
        return {"temperatures": list(self.temperatures), "elos": list(self.elos)}


def curve_of(training: Mapping[str, Any]) -> StrengthCurve | None:
    """The curve in a network's training record, or None if its strength was not measured."""
    record = training.get(TRAINING_KEY)
    if record is None:
        return None
    try:
        temperatures, elos = (tuple(map(float, record[key])) for key in ("temperatures", "elos"))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"expected a strength curve in a network, found {record!r:.100}") from None
    return StrengthCurve(temperatures, elos)


def read_curve(network: Path) -> StrengthCurve | None:
    """The curve in a network file, read without numpy; None where there is none to be had.

    A safetensors file starts with the length of its header (8 bytes, little-endian) and the header
    as JSON. What is wrong with a file is for `model.network.network_file.load_network` to say.
    """
    if not network.is_file():  # a pipe would be waited for
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
    """Measured points -> the nearest falling curve.

    Isotonic least squares, weighted by the games behind each point (Barlow & Brunk 1972): noise may
    let a hotter player rate higher, but it is not stronger. Points that come out level are merged
    at their mean temperature.
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
