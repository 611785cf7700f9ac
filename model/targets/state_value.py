"""The target state-value: the win probability of a position, for the side to move.

A move's value is that of the position after it, where the opponent is to move: turned round.
"""

import jax
import jax.numpy as jnp

from data_pipeline.batches.batch import Batch, Batches, BatchOptions, Data
from data_pipeline.batches.loader import training_positions
from data_pipeline.batches.position_batches import make_state_batch
from data_pipeline.dataset.records import has_value
from model.config import LossConfig
from model.targets.target import MakeInputs, Outputs, Parts, PredictionTarget
from model.targets.value_losses import value_loss


def batches(
    data: Data, make_inputs: MakeInputs, batch_size: int, seed: int, options: BatchOptions
) -> Batches:
    """Positions whose value the data say; ``targets``: [B] float32 win probabilities."""

    def batch(records):
        return make_state_batch(records, make_inputs)

    return training_positions(data, has_value, batch, batch_size, seed)


def loss(
    config: LossConfig, mate_range: float, outputs: Outputs, batch: Batch
) -> tuple[jax.Array, Parts]:
    """The value loss of the positions, a mean over the batch."""
    assert outputs.state is not None
    by_value = value_loss(config.labels, config.sigma_bins)
    total = by_value.loss(outputs.state, batch.targets).mean()
    return total, {"loss": total, "action_values": jnp.asarray(0)}


def _read(outputs: Outputs) -> jax.Array:
    """[B, K]: the distributions of the positions' win probabilities."""
    assert outputs.state is not None
    return jax.nn.softmax(outputs.state)


STATE_VALUE = PredictionTarget(
    heads=("state",),
    batches={"board": batches, "sequence": batches},
    loss=loss,
    read=_read,
    move_values=lambda read: read[:, ::-1],
    of_positions=True,
)
