"""Options of annotation by an engine, and of self-play games."""

from dataclasses import dataclass, field
from typing import Annotated

from data_pipeline.common.errors import InputError
from data_pipeline.common.ranges import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    Share,
    check_ranges,
)

MAX_MULTIPV = 256  # above the most legal moves that a position can have, 218


@dataclass(frozen=True)
class Limit:
    """The limit of a search: a depth in plies, nodes, or seconds; exactly one of them."""

    depth: PositiveInt | None = None
    nodes: PositiveInt | None = None
    seconds: PositiveFloat | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        given = [f"{name} {value}" for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            raise InputError(
                "expected one limit of depth, nodes and seconds, found "
                f"{' and '.join(given) or 'none'}"
            )

    def __str__(self) -> str:
        if self.depth:
            return f"depth {self.depth}"
        return f"{self.nodes} nodes" if self.nodes else f"{self.seconds} s"

    def command(self) -> bytes:
        """The UCI command ``go`` with this limit."""
        if self.depth:
            return b"go depth %d\n" % self.depth
        if self.nodes:
            return b"go nodes %d\n" % self.nodes
        return b"go movetime %d\n" % round(1000 * (self.seconds or 0))


@dataclass(frozen=True)
class Stage:
    """A deeper search for the best few moves of a position whose moves are all scored."""

    limit: Limit
    moves: Annotated[int, Range(1, MAX_MULTIPV)] = 1
    """Number of best moves to report (MultiPV)."""

    def __post_init__(self) -> None:
        check_ranges(self)

    def __str__(self) -> str:
        return (
            f"the best {self.moves} at {self.limit}"
            if self.moves > 1
            else f"the best at {self.limit}"
        )


def parse_stage(text: str) -> Stage:
    """``depth=10,moves=3`` (or ``nodes=``, ``seconds=``) -> a stage. Raises InputError."""
    kinds = {"depth": int, "nodes": int, "seconds": float, "moves": int}
    try:
        pairs = [part.split("=") for part in text.split(",")]
        fields = {name.strip(): kinds[name.strip()](value) for name, value in pairs}
        if len(fields) < len(pairs):
            raise ValueError
        moves = int(fields.pop("moves", 1))
    except (ValueError, KeyError):
        raise InputError(
            f"expected a stage such as depth=10,moves=3 (depth, nodes or seconds), found '{text}'"
        ) from None
    return Stage(Limit(**fields), moves)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class EngineConfig:
    """An engine, its search limits and its options."""

    path: str
    limit: Limit
    options: dict[str, str] = field(default_factory=dict)
    clear_hash: bool = True
    """Clear the hash before each position, so that scores do not depend on earlier positions."""
    patience_seconds: PositiveFloat = 60.0
    """Time beyond a limit in seconds after which the engine counts as hung."""
    then: tuple[Stage, ...] = ()
    """Deeper searches of the best moves, one after another, after all moves have been scored."""

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def fingerprint(self) -> str:
        """A text of everything that the scores depend on."""
        return f"{self.path} {self.limit} {sorted(self.options.items())} {self.clear_hash}" + (
            f" {self.then}" if self.then else ""
        )


@dataclass(frozen=True)
class GameOptions:
    """Options of self-play games. Each game has its own temperature, in win probability."""

    seed: NonNegativeInt = 0
    """Seed; the same seed gives the same games."""
    lowest_temperature: PositiveFloat = 0.005
    """The lowest temperature of a game."""
    highest_temperature: PositiveFloat = 0.2
    """The highest temperature of a game; temperatures are uniform on a logarithmic scale."""
    random_moves: Share = 0.08
    """The share of moves drawn uniformly at random."""
    max_plies: PositiveInt = 160
    """Most plies of a game."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.lowest_temperature > self.highest_temperature:
            raise InputError(
                "expected a lowest temperature up to the highest, found "
                f"{self.lowest_temperature} and {self.highest_temperature}"
            )
