"""What may be chosen for games: clocks, and when a game ends early."""

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
    """Seconds for the game and per move, the same for both sides."""

    base_s: PositiveFloat
    increment_s: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class Adjudication:
    """When a game ends before the rules end it.

    ``max_moves``: a draw after that many moves of both sides. With a judge (a UCI engine) the
    game is won once its score stands at or beyond ``win_cp`` for ``win_checks`` moves in a row, and
    drawn once it stays within ``draw_cp`` for ``draw_checks`` moves in a row after
    ``draw_after_move``.
    """

    max_moves: PositiveInt = 300
    win_cp: NonNegativeInt = 1000
    win_checks: PositiveInt = 4
    draw_cp: NonNegativeInt = 15
    draw_checks: PositiveInt = 10
    draw_after_move: NonNegativeInt = 40

    def __post_init__(self) -> None:
        check_ranges(self)
