"""Options of speed measurements."""

from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.ranges import NonNegativeInt, PositiveFloat, PositiveInt, check_ranges


@dataclass(frozen=True)
class Plan:
    """What is timed, and for how long."""

    positions: PositiveInt = 200
    """Number of positions; large networks get as many as the time allows."""
    file: Path | None = None
    """Take the positions from an EPD or FEN file (default: random moves after known openings)."""
    puzzles: Path | None = None
    """A Lichess puzzle file (.csv, .csv.zst), to time puzzles per second."""
    seconds: PositiveFloat = 10.0
    """Approximate duration of each timing of a network."""
    seed: NonNegativeInt = 0
    """Seed for the choice of positions."""

    def __post_init__(self) -> None:
        check_ranges(self)
