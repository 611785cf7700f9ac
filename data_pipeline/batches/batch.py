"""The batches of a training step, and their options."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.dataset.dataset import Dataset

Data = Dataset | Bag


class Batch(NamedTuple):
    """B examples."""

    inputs: Any
    """`board_batches.Inputs` or `sequence_batches.SequenceInputs`, depending on the
    architecture."""
    targets: np.ndarray
    """Training targets, for the side to move; see the functions that make batches for shapes and
    types."""


class Batches(Protocol):
    """An endless stream of batches; see `loader.Stream`."""

    def __next__(self) -> Any: ...

    def get_state(self) -> dict[str, Any]:
        """The position in the stream."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from a state of `get_state`."""
        ...

    def close(self) -> None:
        """End the threads or processes that prepare batches."""
        ...


@dataclass(frozen=True)
class BatchOptions:
    """Options of batches for the architecture `board`; all but the first only for the target
    action-value."""

    max_moves: int
    """Most moves of a position; the best ones are kept."""
    mate_range: float = 0.0
    """See `data_pipeline.encoding.values`."""
    after: bool = False
    """Whether moves come with their `afterstates`."""
    mirrored: bool = False
    """Whether to mirror a random half of the positions that can be mirrored left to right, drawn
    again in each epoch."""
    oversampling: float = 0.0
    """Positions with this value gap or a larger one come most often, see `oversampling`; 0: all
    positions come equally often."""
