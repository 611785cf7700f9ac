"""One training step as a pure function."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data_pipeline.batches.board_batches import Batch, Inputs
from data_pipeline.batches.position_batches import ChoiceBatch, StateBatch
from data_pipeline.batches.sequence_batches import SequenceBatch, SequenceInputs
from model.config import LossConfig, NetworkConfig, OptimizerConfig, TrainingDtype
from model.network.architecture import transformed
from model.network.network_file import Params
from model.network.outputs import Outputs
from model.training.losses import policy_loss, state_value_loss, total_loss
from model.training.optimizer import MakeOptimizer, Place


class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32
    params: Any
    average: Any  # exponential moving average of params
    optimizer: optax.OptState


AnyBatch = Batch | SequenceBatch | StateBatch | ChoiceBatch
Parts = dict[str, jax.Array]
Update = Callable[[TrainState, AnyBatch, Place], tuple[TrainState, Parts]]


def init_state(params: Params, optimizer: MakeOptimizer) -> TrainState:
    """The state before the first step, with these parameters."""
    params = jax.tree.map(jnp.asarray, params)
    average = jax.tree.map(jnp.array, params)
    start = jnp.zeros((), jnp.int32)
    return TrainState(start, params, average, optimizer(start).init(params))


def make_update(
    network: NetworkConfig,
    loss: LossConfig,
    config: OptimizerConfig,
    optimizer: MakeOptimizer,
    dtype: TrainingDtype = "float32",
) -> Update:
    """A pure function (state, batch, place) -> (state after one step, the loss and its parts)."""
    apply = transformed(network, jnp.dtype("float32" if dtype == "mixed" else dtype)).apply
    precision = "bfloat16" if dtype == "mixed" else None

    def loss_of(params: Any, batch: AnyBatch) -> tuple[jax.Array, Parts]:
        with jax.default_matmul_precision(precision):
            outputs = apply(params, batch.inputs)
        return batch_loss(loss, outputs, batch, network.mate_range)

    def update(state: TrainState, batch: AnyBatch, place: Place) -> tuple[TrainState, Parts]:
        gradients, parts = jax.grad(loss_of, has_aux=True)(state.params, batch)
        changes, optimizer_state = optimizer(place).update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        decay = _average_decay(config, state.step)
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, state.average, params)
        parts["gradient_norm"] = optax.global_norm(gradients)
        return TrainState(state.step + 1, params, average, optimizer_state), parts

    return update


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


def _average_decay(config: OptimizerConfig, step: jax.Array) -> jax.Array | float:
    """With a warm-up (1 + t) / (10 + t) at first, as usual."""
    if not config.ema_warmup:
        return config.ema_decay
    return jnp.minimum(config.ema_decay, (1.0 + step) / (10.0 + step))
