"""The target behavioral-cloning: the move that is played in a position."""

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.batch import Batch, Batches, BatchOptions, Data
from data_pipeline.batches.loader import training_positions
from data_pipeline.batches.position_batches import make_choice_batch
from data_pipeline.dataset.records import has_choice
from model.config import LossConfig
from model.targets.target import MakeInputs, Outputs, Parts, PredictionTarget


def board_batches(
    data: Data, make_inputs: MakeInputs, batch_size: int, seed: int, options: BatchOptions
) -> Batches:
    """Positions with the move played and the other legal moves."""

    def batch(records):
        return make_choice_batch(records, make_inputs, options.max_moves)

    return training_positions(data, has_choice, batch, batch_size, seed)


def sequence_batches(
    data: Data, make_inputs: MakeInputs, batch_size: int, seed: int, options: BatchOptions
) -> Batches:
    """Positions with the move played alone: it is learned among all actions."""

    def batch(records):
        return make_choice_batch(records, make_inputs, 1)

    return training_positions(data, has_choice, batch, batch_size, seed)


def loss(
    config: LossConfig, mate_range: float, outputs: Outputs, batch: Batch
) -> tuple[jax.Array, Parts]:
    """Cross-entropy in nats of the moves played, a mean over the batch."""
    assert outputs.policy is not None and outputs.policy_total is not None
    played = jnp.take_along_axis(outputs.policy, batch.targets[:, None], axis=-1)[:, 0]
    total = (outputs.policy_total - played).mean()
    return total, {"loss": total, "action_values": jnp.asarray(0)}


def _read(outputs: Outputs) -> jax.Array:
    """[B, M]: the logits of the moves."""
    assert outputs.policy is not None
    return outputs.policy


def _choice_distributions(logits: np.ndarray) -> np.ndarray:
    """Logits of a position's moves [M] -> [M, 2]: how likely each is not played, and is."""
    if not len(logits):
        return np.zeros((0, 2), np.float32)
    weights = np.exp(logits - logits.max())
    played = weights / weights.sum()
    return np.stack((1 - played, played), axis=-1)


BEHAVIORAL_CLONING = PredictionTarget(
    heads=("policy",),
    batches={"board": board_batches, "sequence": sequence_batches},
    loss=loss,
    read=_read,
    move_values=_choice_distributions,
    gives_win_probs=False,
)
