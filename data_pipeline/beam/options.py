"""What to make of the input: the options of a dataset, checked where they are made."""

from dataclasses import dataclass

from data_pipeline.common.errors import InputError
from data_pipeline.sources.chessbench import POLICIES

FORMATS = ("native", *POLICIES)


@dataclass(frozen=True)
class DatasetOptions:
    """The same options and files give the same dataset."""

    bins: int = 64
    shards: int = 8
    """Files per split; a worker holds one shard's positions in memory."""
    validation_share: float = 0.01
    test_share: float = 0.02
    teacher: str = "unknown"
    format: str = "native"
    """`native`, or the ChessBench policy to write bags for."""
    min_ply: int = 0
    """Leave out positions before this ply, where the move number is known."""
    sample: float = 1.0
    """The share of positions to keep, drawn by hash."""
    max_positions: int | None = None
    """At most so many positions, drawn by hash."""
    balance: float | None = None
    """No value bin keeps more than this many times the mean over all bins."""
    keep_unscored: bool = False
    """Keep positions that have no scored moves, only a score of their own or a move played."""
    exact: bool = False
    """Score positions of three pieces exactly, whatever the source says of them, but for those that
    are given to the test split."""

    def __post_init__(self) -> None:
        shares = (self.validation_share, self.test_share)
        if min(shares) < 0 or sum(shares) >= 1:
            raise InputError(
                "expected shares of validation and test that leave some for training, found "
                f"{shares[0]} and {shares[1]}"
            )
        if self.format not in FORMATS:
            raise InputError(f"expected one of the formats {FORMATS}, found '{self.format}'")
        wrong = {
            "bins of 2 to 1000": not 2 <= self.bins <= 1000,
            "shards of 1 to 99999": not 1 <= self.shards <= 99_999,
            "a sample above 0 and up to 1": not 0 < self.sample <= 1,
            "max-positions of at least 1": self.max_positions is not None
            and self.max_positions < 1,
            "a balance above 0": self.balance is not None and self.balance <= 0,
        }
        for expected, is_wrong in wrong.items():
            if is_wrong:
                raise InputError(f"expected {expected}, found {self}")

    def shard_of(self, key: bytes) -> int:
        """A position's shard by its hash."""
        return int.from_bytes(key) % self.shards

    def split_of(self, key: bytes) -> str:
        """A position's split by its hash: test below `test_share` of the range, then validation."""
        share = int.from_bytes(key) / 2**64
        if share < self.test_share:
            return "test"
        return "validation" if share < self.test_share + self.validation_share else "train"
