"""The target action-value: the win probability after each move of a position.

The loss adds to the values of the moves (`value_losses`) their ranking, what a soft choice among
them gives away, and the value of the position.
"""

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.batch import Batch, Batches, BatchOptions, Data
from data_pipeline.batches.loader import training_moves, training_pairs
from data_pipeline.encoding.values import ValueBins
from model.config import LossConfig
from model.targets.target import MakeInputs, Outputs, Parts, PredictionTarget
from model.targets.value_losses import Array, expectation, value_loss


def board_batches(
    data: Data, make_inputs: MakeInputs, batch_size: int, seed: int, options: BatchOptions
) -> Batches:
    """Positions with their moves; ``targets``: [B, M] float32 bin values, 0 where no move is."""
    return training_moves(data, batch_size, seed, options)


def sequence_batches(
    data: Data, make_inputs: MakeInputs, batch_size: int, seed: int, options: BatchOptions
) -> Batches:
    """Pairs of a position and a move; ``targets``: [B, 1] float32 win probabilities."""
    return training_pairs(data, batch_size, seed)


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
    """The loss of a batch and its parts, each a mean over the batch.

    targets: [B, M] the teacher's bin values (see `values`; without a mate range win
    probabilities), mask: [B, M] where there is a move. The state's target is that of the best move.
    Sequences, each with a single move, have neither order nor state.
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
    order = ranking(expected, win_probs, mask, config.ranking_temperature).mean()
    best = jnp.where(mask, targets, 0.0).max(axis=-1)
    state = by_value.loss(outputs.state, best).mean()
    total = values + config.ranking_weight * order + config.state_value_weight * state
    parts = {"values": values, "ranking": order, "state": state}
    if config.regret_weight:
        given_away = expected_regret(expected, win_probs, mask, config.ranking_temperature)
        parts["regret"] = given_away.mean()
        total += config.regret_weight * parts["regret"]
    return total, {"loss": total, **parts}


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


def _read(outputs: Outputs) -> jax.Array:
    """[B, M, K]: the distributions of the moves' win probabilities."""
    assert outputs.moves is not None
    return jax.nn.softmax(outputs.moves)


ACTION_VALUE = PredictionTarget(
    heads=("moves", "state"),
    batches={"board": board_batches, "sequence": sequence_batches},
    loss=loss,
    read=_read,
)
