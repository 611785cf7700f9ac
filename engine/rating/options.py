"""Options of a rating measurement."""

from dataclasses import dataclass

from data_pipeline.common.ranges import FiniteFloat, PositiveFloat, PositiveInt, check_ranges


@dataclass(frozen=True)
class LadderConfig:
    """The rounds of a ladder, and when it is done."""

    start_elo: FiniteFloat
    """A first estimate of the rating."""
    half_width: PositiveFloat = 50.0
    """Stop once the 95 % interval is +- this many Elo."""
    games_a_round: PositiveInt = 10
    most_games: PositiveInt = 1000
    """Stop after this many games in any case."""

    def __post_init__(self) -> None:
        check_ranges(self)
