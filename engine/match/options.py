"""Options of games: time control and adjudication."""

from dataclasses import dataclass

from data_pipeline.common.ranges import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    check_ranges,
)


@dataclass(frozen=True)
class TimeControl:
    """Base time and increment per move in seconds, the same for both sides."""

    base_s: PositiveFloat
    increment_s: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class Adjudication:
    """When a game is ended before the rules end it.

    ``max_moves``: the game is drawn after this many moves by each side. With a judge (a UCI
    engine), a side wins once the judge's score is at least ``win_cp`` for it for ``win_checks``
    moves in a row. The game is drawn once the score has stayed within ``draw_cp`` for
    ``draw_checks`` moves in a row, from move ``draw_after_move`` on.
    """

    max_moves: PositiveInt = 300
    win_cp: NonNegativeInt = 1000
    win_checks: PositiveInt = 4
    draw_cp: NonNegativeInt = 15
    draw_checks: PositiveInt = 10
    draw_after_move: NonNegativeInt = 40

    def __post_init__(self) -> None:
        check_ranges(self)
