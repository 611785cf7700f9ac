"""What may be chosen when speed is measured."""

from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.ranges import NonNegativeInt, PositiveFloat, PositiveInt, check_ranges


@dataclass(frozen=True)
class Plan:
    """What is timed, and for how long."""

    positions: PositiveInt = 200
    """How many positions; large networks get as many as the time allows."""
    file: Path | None = None
    """Take the positions from an EPD or FEN file (default: random moves after known openings)."""
    puzzles: Path | None = None
    """A Lichess puzzle file (.csv, .csv.zst), for puzzles a second."""
    seconds: PositiveFloat = 10.0
    """About how long each of a network's timings takes."""
    seed: NonNegativeInt = 0
    """Draws the positions."""

    def __post_init__(self) -> None:
        check_ranges(self)
