"""What to make of the input: the options of a dataset, checked where they are made."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from data_pipeline.common.errors import InputError
from data_pipeline.common.ranges import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    Share,
    check_ranges,
)

Format = Literal["native", "action_value", "state_value", "behavioral_cloning"]


@dataclass(frozen=True)
class OutputOptions:
    """The files of a dataset."""

    format: Format = "native"
    """Our own dataset, or ChessBench bags of one policy."""
    bins: Annotated[int, Range(2, 1000)] = 64
    """Bins of equal width over win probabilities."""
    shards: Annotated[int, Range(1, 99_999)] = 8
    """Files per split; each is written by one worker."""
    validation_share: Share = 0.01
    """Share of positions, by hash, that goes to the validation split."""
    test_share: Share = 0.02
    """Share of positions, by hash, that goes to the test split where --test is not given."""
    balance: PositiveFloat | None = None
    """Let no value bin hold more than this many times the mean over all bins."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.validation_share + self.test_share >= 1:
            raise InputError(
                "expected shares of validation and test that leave some for training, found "
                f"{self.validation_share} and {self.test_share}"
            )


@dataclass(frozen=True)
class SelectionOptions:
    """Which positions are kept."""

    min_ply: NonNegativeInt = 0
    """Leave out positions before this ply, where the move number is known."""
    sample: Annotated[float, Range(0, 1, open=True)] = 1.0
    """The share of positions to keep, drawn by hash."""
    max_positions: PositiveInt | None = None
    """Keep at most this many positions, drawn by hash."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class DatasetOptions(SelectionOptions, OutputOptions):
    """All options of a dataset. The same options and files give the same dataset."""

    teacher: str = "unknown"
    """Who scored the positions, for the dataset's card."""
    keep_unscored: bool = False
    """Keep positions without scored moves (they have a score of their own, or a move played)."""
    exact: bool = False
    """Score positions of three pieces exactly, whatever their file says; not those of --test."""

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        if self.format not in get_args(Format):
            raise InputError(
                f"expected one of the formats {', '.join(get_args(Format))}, found '{self.format}'"
            )

    def shard_of(self, key: bytes) -> int:
        """A position's shard by its hash."""
        return int.from_bytes(key) % self.shards

    def split_of(self, key: bytes) -> str:
        """A position's split by its hash: test below `test_share` of the range, then validation."""
        share = int.from_bytes(key) / 2**64
        if share < self.test_share:
            return "test"
        return "validation" if share < self.test_share + self.validation_share else "train"
