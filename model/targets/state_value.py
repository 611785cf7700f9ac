"""The target state-value: the win probability of a position, for the side to move.

After a move the opponent is to move, so the move's value is 1 minus the value of the position after
it.
"""

import jax
import jax.numpy as jnp

from data_pipeline.batches.batch import Batch, Batches
from data_pipeline.batches.loader import training_positions
from data_pipeline.batches.position_batches import make_state_batch
from data_pipeline.dataset.records import has_value
from model.config import LossConfig
from model.targets.target import BatchSource, Outputs, Parts, PredictionTarget
from model.targets.value_losses import value_loss


def batches(source: BatchSource) -> Batches:
    """Positions with a known value; ``targets``: [B] float32 win probabilities."""

    def batch(records):
        return make_state_batch(records, source.make_inputs)

    return training_positions(
        source.data, has_value, batch, source.batch_size, source.seed, processes=source.processes
    )


def loss(
    config: LossConfig, mate_range: float, outputs: Outputs, batch: Batch
) -> tuple[jax.Array, Parts]:
    """Mean value loss of the positions."""
    assert outputs.state is not None
    by_value = value_loss(config.labels, config.sigma_bins)
    total = by_value.loss(outputs.state, batch.targets).mean()
    return total, {"loss": total, "action_values": jnp.asarray(0)}


def _read(outputs: Outputs) -> jax.Array:
    """[B, K]: distributions over the positions' win probabilities."""
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
