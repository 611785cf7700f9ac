"""One training step as a pure function, and the optimizer it takes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from data_pipeline.batches import Batch
from model.config import ComputeDtype, LossConfig, NetworkConfig, OptimizerConfig
from model.layouts import init_params, transformed
from model.losses import total_loss

_LAYER_MATRICES = ("query", "key", "value", "output", "feed_forward_in", "feed_forward_out")


class TrainState(NamedTuple):
    """All that training changes."""

    step: jax.Array  # [] int32
    params: Any
    average: Any  # exponential moving average of params
    optimizer: optax.OptState


Update = Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Muon on the matrices of the layers, AdamW on all else; warm-up, then cosine over ``steps``.

    Muon: Jordan et al. 2024; its update of a matrix has singular values near 1.
    """

    def schedule(peak: float) -> optax.Schedule:
        warmup = max(1, round(steps * config.warmup_share))
        return optax.warmup_cosine_decay_schedule(
            0.0, peak, warmup, max(steps, warmup + 1), peak * config.final_share
        )

    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        contrib.muon(
            schedule(config.muon_learning_rate),
            adam_learning_rate=schedule(config.adam_learning_rate),
            adam_b2=config.adam_b2,
            weight_decay=config.weight_decay,
            adam_weight_decay=config.weight_decay,
            muon_weight_dimension_numbers=_muon_matrices,
        ),
    )


def _muon_matrices(params: Any) -> Any:
    """Which parameters Muon takes: the matrices of the trunk's and the decoder's layers."""
    return {
        module: {
            name: contrib.MuonDimensionNumbers(0, 1) if name in _LAYER_MATRICES else None
            for name in names
        }
        for module, names in params.items()
    }


def init_state(network: NetworkConfig, optimizer: optax.GradientTransformation, seed: int):
    """The state before the first step; the same for the same seed."""
    params = jax.tree.map(jnp.asarray, init_params(network, seed))
    average = jax.tree.map(jnp.array, params)
    return TrainState(jnp.zeros((), jnp.int32), params, average, optimizer.init(params))


def make_update(
    network: NetworkConfig,
    loss: LossConfig,
    ema_decay: float,
    optimizer: optax.GradientTransformation,
    dtype: ComputeDtype = "float32",
) -> Update:
    """A pure function (state, batch) -> (state after one step, the loss and its parts)."""
    apply = transformed(network, jnp.dtype(dtype)).apply

    def loss_of(params: Any, batch: Batch) -> tuple[jax.Array, dict[str, jax.Array]]:
        outputs = apply(params, batch.inputs)
        return total_loss(loss, outputs, batch.win_probs, batch.inputs.mask)

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        gradients, parts = jax.grad(loss_of, has_aux=True)(state.params, batch)
        changes, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, changes)
        # The average forgets its start sooner than its decay says: (1 + t) / (10 + t), as usual.
        decay = jnp.minimum(ema_decay, (1.0 + state.step) / (10.0 + state.step))
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, state.average, params)
        parts["gradient_norm"] = optax.global_norm(gradients)
        return TrainState(state.step + 1, params, average, optimizer_state), parts

    return update
