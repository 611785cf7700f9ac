"""What a training step takes, and how it is made."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.dataset.dataset import Dataset

Data = Dataset | Bag


class Batch(NamedTuple):
    """B examples."""

    inputs: Any
    """`board_batches.Inputs` or `sequence_batches.SequenceInputs`, by the architecture."""
    targets: np.ndarray
    """What is to be predicted, from the point of view of the side to move; for shapes and types see
    the functions that make batches."""


class Batches(Protocol):
    """Batches without end; what Grain's iterators of datasets offer."""

    def __next__(self) -> Batch: ...

    def get_state(self) -> dict[str, Any]:
        """The place in the data."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a place that `get_state` gave."""
        ...


@dataclass(frozen=True)
class BatchOptions:
    """What batches for the architecture `board` hold; all but the first are of the target
    action-value."""

    max_moves: int
    """Of a position; the best are kept."""
    mate_range: float = 0.0
    """See `values`."""
    after: bool = False
    """Whether moves come with their `afterstates`."""
    mirrored: bool = False
    """Whether half of those that can be are mirrored left to right, drawn again in each pass."""
    oversampling: float = 0.0
    """From this value gap on a position comes most often, see `oversampling`; 0: all positions come
    equally often."""
