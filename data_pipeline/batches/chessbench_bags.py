"""ChessBench bags as training data, without converting them to a dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import Dataset, Rows
from data_pipeline.dataset.records import PositionRecord


class Bag:
    """A bag of one target, which may be sharded (``action_value@2148_data.bag``), with the
    interface of `dataset.Dataset`. All its records are in the split 'train'.

    Raises InputError if it is not a bag, or if its name does not start with a policy.
    """

    def __init__(self, path: Path) -> None:
        from data_pipeline.sources.chessbench import policy_of

        self.directory = path
        self._policy = policy_of(path)
        self.target = self._policy.replace("_", "-")
        self._rows = Rows(path)
        source = {"file": path.name, "split": "train"}
        counts = {"train": len(self._rows)}
        self.manifest: dict[str, Any] = {"teacher": None, "counts": counts, "sources": [source]}

    def size(self, split: str) -> int:
        """The number of records of a split."""
        return len(self._rows) if split == "train" else 0

    def records(self, split: str) -> Sequence[bytes]:
        """The encoded records of a split, by random access; see `decode`."""
        return self._rows if split == "train" else []

    def decode(self, data: bytes) -> PositionRecord:
        """A record's position with its target: one move, or its own value. Raises InputError."""
        from data_pipeline.sources.chessbench import decode_entry, record_of
        from data_pipeline.sources.entries import BadEntry

        try:
            return record_of(decode_entry(data, self._policy))
        except BadEntry as bad:
            raise InputError(
                f"expected records of {self._policy} in {self.directory}, found one that "
                f"is wrong ({bad.args[0]}); 'argmax data convert' leaves such out"
            ) from None


def open_data(path: Path) -> Dataset | Bag:
    """A dataset's directory, or a bag (by the suffix of its name)."""
    return Bag(path) if path.suffix == ".bag" else Dataset(path)
