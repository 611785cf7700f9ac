"""The loss of a batch: the moves' values (`value_losses`), a ranking of the moves, and what a
choice among them gives away."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.board_batches import Batch, Inputs
from data_pipeline.batches.position_batches import ChoiceBatch, StateBatch
from data_pipeline.batches.sequence_batches import SequenceBatch, SequenceInputs
from data_pipeline.encoding.values import ValueBins
from model.config import LossConfig, NetworkConfig, TrainingDtype
from model.network.architecture import transformed
from model.network.outputs import Outputs
from model.training.step import LossOf, Parts
from model.training.value_losses import Array, expectation, value_loss

AnyBatch = Batch | SequenceBatch | StateBatch | ChoiceBatch


def network_loss(
    network: NetworkConfig, loss: LossConfig, dtype: TrainingDtype = "float32"
) -> LossOf:
    """(params, batch) -> the loss of the network's outputs, and its parts."""
    apply = transformed(network, jnp.dtype("float32" if dtype == "mixed" else dtype)).apply
    precision = "bfloat16" if dtype == "mixed" else None

    def loss_of(params: Any, batch: AnyBatch) -> tuple[jax.Array, Parts]:
        with jax.default_matmul_precision(precision):
            outputs = apply(params, batch.inputs)
        return batch_loss(loss, outputs, batch, network.mate_range)

    return loss_of


def batch_loss(
    config: LossConfig, outputs: Outputs, batch: AnyBatch, mate_range: float
) -> tuple[jax.Array, Parts]:
    """The loss of what the batch teaches, its parts, and how many action values it holds."""
    inputs = batch.inputs
    if isinstance(batch, StateBatch):
        assert outputs.state is not None
        total, parts = state_value_loss(config, outputs.state, batch.win_probs)
        action_values = 0
    elif isinstance(batch, ChoiceBatch):
        assert outputs.policy is not None
        total, parts = policy_loss(*_choices(outputs.policy, inputs))
        action_values = 0
    else:
        mask = inputs.mask if isinstance(inputs, Inputs) else np.ones(inputs.actions.shape, bool)
        total, parts = total_loss(config, outputs, batch.win_probs, mask, mate_range)
        action_values = mask.sum()
    return total, parts | {"action_values": jnp.asarray(action_values)}


def _choices(policy: jax.Array, inputs: Inputs | SequenceInputs) -> tuple[jax.Array, jax.Array]:
    """Logits [B, M] and which of the M was played [B]."""
    if isinstance(inputs, SequenceInputs):
        return policy, jnp.asarray(inputs.actions, jnp.int32)[:, 0]
    return jnp.where(inputs.mask, policy, -1e9), jnp.zeros(len(policy), jnp.int32)


def ranking(
    expected: Array,
    win_probs: Array,
    mask: Array,
    temperature: float,
) -> jax.Array:
    """Cross-entropy between the teacher's and the network's soft choice of a move, [B] in nats.

    expected, win_probs: [B, M] win probabilities of the side to move; mask: [B, M]. Both become
    choices by softmax(win probability / temperature) over the moves (ListNet, Cao et al. 2007).
    """
    teacher = jax.nn.softmax(_choice(win_probs, mask, temperature))
    choice = jax.nn.log_softmax(_choice(expected, mask, temperature))
    return -jnp.where(mask, teacher * choice, 0.0).sum(axis=-1)


def expected_regret(
    expected: Array,
    win_probs: Array,
    mask: Array,
    temperature: float,
) -> jax.Array:
    """Win probability that the network's soft choice of a move gives away, [B], in temperatures.

    Arguments and choice as in `ranking`. The teacher scores every move, so that the expectation is
    exact: the objective of a policy gradient (Williams 1992), without its variance.
    """
    choice = jax.nn.softmax(_choice(expected, mask, temperature))
    best = jnp.where(mask, win_probs, 0.0).max(axis=-1, keepdims=True)
    return jnp.where(mask, choice * (best - win_probs), 0.0).sum(axis=-1) / temperature


def _choice(win_probs: Array, mask: Array, temperature: float) -> Array:
    """[B, M] -> the logits [B, M] of a soft choice among the moves."""
    return win_probs / temperature + jnp.where(mask, 0.0, -1e9)


def total_loss(
    config: LossConfig,
    outputs: Outputs,
    worths: Array,
    mask: Array,
    mate_range: float = 0.0,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The loss of a batch and its parts, each a mean over the batch.

    worths: [B, M] the teacher's (see `values`; without a mate range win probabilities), mask:
    [B, M] where there is a move. The state's worth is that of the best move. Sequences, each with a
    move of its own, have neither order nor state.
    """
    assert outputs.moves is not None
    by_value = value_loss(config.labels, config.sigma_bins)
    per_move = by_value.loss(outputs.moves, worths)
    values = jnp.where(mask, per_move, 0.0).sum() / jnp.maximum(mask.sum(), 1)
    if outputs.state is None:
        return values, {"loss": values}
    bins = ValueBins(outputs.moves.shape[-1], mate_range)
    expected = expectation(outputs.moves, bins.win_prob_of(bins.centres).astype(np.float32))
    win_probs = jnp.clip((worths - mate_range) / (1 - 2 * mate_range), 0.0, 1.0)
    order = ranking(expected, win_probs, mask, config.ranking_temperature).mean()
    best = jnp.where(mask, worths, 0.0).max(axis=-1)
    state = by_value.loss(outputs.state, best).mean()
    total = values + config.ranking_weight * order + config.state_value_weight * state
    parts = {"values": values, "ranking": order, "state": state}
    if config.regret_weight:
        given_away = expected_regret(expected, win_probs, mask, config.ranking_temperature)
        parts["regret"] = given_away.mean()
        total += config.regret_weight * parts["regret"]
    if outputs.policy is not None:
        chosen = outputs.policy * config.ranking_temperature
        parts["policy"] = ranking(chosen, win_probs, mask, config.ranking_temperature).mean()
        total += config.policy_weight * parts["policy"]
    return total, {"loss": total, **parts}


def state_value_loss(
    config: LossConfig, state: jax.Array, win_probs: Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Logits [B, K] and the teacher's win probabilities [B] of positions -> the loss."""
    loss = value_loss(config.labels, config.sigma_bins).loss(state, win_probs).mean()
    return loss, {"loss": loss}


def policy_loss(policy: jax.Array, played: Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Logits [B, M] of moves and which was played [B] -> the loss: cross-entropy in nats."""
    chosen = jnp.take_along_axis(policy, played[:, None], axis=-1)[:, 0]
    loss = (jax.nn.logsumexp(policy, axis=-1) - chosen).mean()
    return loss, {"loss": loss}
