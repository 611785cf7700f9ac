"""The target action-value: the win probability after each move of a position.

The loss is the sum of four terms: the moves' values (`value_losses`), their ranking, the expected
regret of a softmax policy over them, and the position's value.
"""

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.batch import Batch, Batches
from data_pipeline.batches.loader import training_moves, training_pairs
from data_pipeline.encoding.values import ValueBins
from model.config import LossConfig
from model.targets.target import BatchSource, Outputs, Parts, PredictionTarget
from model.targets.value_losses import Array, expectation, value_loss


def board_batches(source: BatchSource) -> Batches:
    """Positions with their moves; ``targets``: [B, M] float32 bin values, 0 for padding."""
    return training_moves(
        source.data, source.batch_size, source.seed, source.options, processes=source.processes
    )


def sequence_batches(source: BatchSource) -> Batches:
    """Pairs of a position and a move; ``targets``: [B, 1] float32 win probabilities."""
    return training_pairs(source.data, source.batch_size, source.seed, processes=source.processes)


def loss(
    config: LossConfig, mate_range: float, outputs: Outputs, batch: Batch
) -> tuple[jax.Array, Parts]:
    """`total_loss` of a batch."""
    mask = batch.inputs.mask
    total, parts = total_loss(config, outputs, batch.targets, mask, mate_range)
    return total, parts | {"action_values": jnp.asarray(mask.sum())}


def total_loss(
    config: LossConfig,
    outputs: Outputs,
    targets: Array,
    mask: Array,
    mate_range: float = 0.0,
) -> tuple[jax.Array, Parts]:
    """The loss of a batch and its terms, each a mean over the batch.

    targets: [B, M], the teacher's bin values (see `data_pipeline.encoding.values`; these are win
    probabilities if there is no mate range); mask: [B, M] bool, False for padding. The target for
    the position's value is that of its best move. If the outputs have no ``state``, as with the
    architecture `sequence`, only the moves' values count.
    """
    assert outputs.moves is not None
    by_value = value_loss(config.labels, config.sigma_bins)
    per_move = by_value.loss(outputs.moves, targets)
    values = jnp.where(mask, per_move, 0.0).sum() / jnp.maximum(mask.sum(), 1)
    if outputs.state is None:
        return values, {"loss": values}
    bins = ValueBins(outputs.moves.shape[-1], mate_range)
    expected = expectation(outputs.moves, bins.win_prob_of(bins.centres).astype(np.float32))
    win_probs = bins.win_prob_of(targets)
    rank = ranking(expected, win_probs, mask, config.ranking_temperature).mean()
    best = jnp.where(mask, targets, 0.0).max(axis=-1)
    state = by_value.loss(outputs.state, best).mean()
    total = values + config.ranking_weight * rank + config.state_value_weight * state
    parts = {"values": values, "ranking": rank, "state": state}
    if config.regret_weight:
        regret = expected_regret(expected, win_probs, mask, config.ranking_temperature)
        parts["regret"] = regret.mean()
        total += config.regret_weight * parts["regret"]
    return total, {"loss": total, **parts}


def ranking(
    expected: Array,
    win_probs: Array,
    mask: Array,
    temperature: float,
) -> jax.Array:
    """Cross-entropy between the teacher's and the network's softmax policies, [B] in nats.

    expected, win_probs: [B, M] win probabilities for the side to move, the network's and the
    teacher's; mask: [B, M]. Each policy is softmax(win probability / temperature) over the moves
    (ListNet, Cao et al. 2007).
    """
    teacher = jax.nn.softmax(_logits(win_probs, mask, temperature))
    policy = jax.nn.log_softmax(_logits(expected, mask, temperature))
    return -jnp.where(mask, teacher * policy, 0.0).sum(axis=-1)


def expected_regret(
    expected: Array,
    win_probs: Array,
    mask: Array,
    temperature: float,
) -> jax.Array:
    """Expected win probability that the network's softmax policy loses, [B], divided by the
    temperature.

    Arguments and policy as in `ranking`. This is the objective of a policy gradient (Williams
    1992); since the teacher scores every move, the expectation is exact and has no variance.
    """
    policy = jax.nn.softmax(_logits(expected, mask, temperature))
    best = jnp.where(mask, win_probs, 0.0).max(axis=-1, keepdims=True)
    return jnp.where(mask, policy * (best - win_probs), 0.0).sum(axis=-1) / temperature


def _logits(win_probs: Array, mask: Array, temperature: float) -> Array:
    """[B, M] -> [B, M]: logits of the softmax policy over the moves."""
    return win_probs / temperature + jnp.where(mask, 0.0, -1e9)


def _read(outputs: Outputs) -> jax.Array:
    """[B, M, K]: distributions over the moves' win probabilities."""
    assert outputs.moves is not None
    return jax.nn.softmax(outputs.moves)


ACTION_VALUE = PredictionTarget(
    heads=("moves", "state"),
    batches={"board": board_batches, "sequence": sequence_batches},
    loss=loss,
    read=_read,
)
