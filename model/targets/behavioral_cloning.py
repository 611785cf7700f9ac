"""The target behavioral-cloning: the move played in a position."""

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.batch import Batch, Batches
from data_pipeline.batches.loader import training_positions
from data_pipeline.batches.position_batches import make_choice_batch
from data_pipeline.dataset.records import has_choice
from model.config import LossConfig
from model.targets.target import BatchSource, Outputs, Parts, PredictionTarget


def board_batches(source: BatchSource) -> Batches:
    """Positions with the move played and the other legal moves."""
    return _batches(source, source.options.max_moves)


def sequence_batches(source: BatchSource) -> Batches:
    """Positions with only the move played: the softmax is over all actions."""
    return _batches(source, 1)


def _batches(source: BatchSource, max_moves: int) -> Batches:
    def batch(records):
        return make_choice_batch(records, source.make_inputs, max_moves)

    return training_positions(
        source.data, has_choice, batch, source.batch_size, source.seed, processes=source.processes
    )


def loss(
    config: LossConfig, mate_range: float, outputs: Outputs, batch: Batch
) -> tuple[jax.Array, Parts]:
    """Mean cross-entropy of the moves played, in nats."""
    assert outputs.policy is not None and outputs.policy_total is not None
    played = jnp.take_along_axis(outputs.policy, batch.targets[:, None], axis=-1)[:, 0]
    total = (outputs.policy_total - played).mean()
    return total, {"loss": total, "action_values": jnp.asarray(0)}


def _read(outputs: Outputs) -> jax.Array:
    """[B, M]: the moves' logits."""
    assert outputs.policy is not None
    return outputs.policy


def _choice_distributions(logits: np.ndarray) -> np.ndarray:
    """Logits of a position's moves [M] -> [M, 2]: probabilities that each is not, and is,
    played."""
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
