"""ChessBench bags as they are, in the place of a dataset: for training on them without a copy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import Dataset, Rows
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.sources.chessbench import decode_entry, policy_of, record_of
from data_pipeline.sources.entries import BadEntry


class Bag:
    """A bag of one policy, also a sharded one (``action_value@2148_data.bag``); all of it is the
    split 'train'. What can be asked is what `dataset.Dataset` answers.

    Raises InputError if it is no bag, or its name does not say its policy.
    """

    def __init__(self, path: Path) -> None:
        self.directory = path
        self.policy = policy_of(path)
        self._rows = Rows(path)
        source = {"file": path.name, "split": "train"}
        counts = {"train": len(self._rows)}
        self.manifest: dict[str, Any] = {"teacher": None, "counts": counts, "sources": [source]}

    def size(self, split: str) -> int:
        """The number of records of a split."""
        return len(self._rows) if split == "train" else 0

    def records(self, split: str) -> Sequence[bytes]:
        """The records of a split, by random access, for `decode`."""
        return self._rows if split == "train" else []

    def decode(self, data: bytes) -> PositionRecord:
        """A record's position with what its policy says of it: one move, or its own value."""
        try:
            return record_of(decode_entry(data, self.policy))
        except BadEntry as bad:
            raise InputError(
                f"expected records of the policy {self.policy} in {self.directory}, found one that "
                f"is wrong ({bad.args[0]}); 'argmax data convert' leaves such out"
            ) from None


def open_data(path: Path) -> Dataset | Bag:
    """A dataset's directory, or a bag by its name."""
    return Bag(path) if path.suffix == ".bag" else Dataset(path)
