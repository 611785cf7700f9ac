"""One training step as a pure function, for any loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from model.config import OptimizerConfig
from model.network.network_file import Params
from model.training.optimizer import MakeOptimizer, Progress


class TrainState(NamedTuple):
    """Everything that a training step changes."""

    step: jax.Array  # [] int32
    params: Any
    average: Any
    """The result of an `Average`, for example the parameters' moving average."""
    optimizer: optax.OptState


Parts = dict[str, jax.Array]
LossOf = Callable[[Any, Any], tuple[jax.Array, Parts]]
"""(params, batch) -> the loss [] and the figures to log."""
Average = Callable[[Any, Any, jax.Array], Any]
"""(average so far, new params, index of the step) -> new average."""
Update = Callable[[TrainState, Any, Progress], tuple[TrainState, Parts]]


def init_state(params: Params, optimizer: MakeOptimizer) -> TrainState:
    """The state before the first step; the average starts as a copy of the parameters."""
    params = jax.tree.map(jnp.asarray, params)
    average = jax.tree.map(jnp.array, params)
    start = jnp.zeros((), jnp.int32)
    return TrainState(start, params, average, optimizer(start).init(params))


def no_average(average: Any, params: Any, step: jax.Array) -> Any:
    """An `Average` that does not average: it gives the newest parameters."""
    return params


def moving_average(config: OptimizerConfig) -> Average:
    """The parameters' exponential moving average."""

    def moved(average: Any, params: Any, step: jax.Array) -> Any:
        decay = _decay(config, step)
        return jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, params)

    return moved


def make_update(loss_of: LossOf, optimizer: MakeOptimizer, average: Average = no_average) -> Update:
    """A pure function (state, batch, progress) -> (state after one step, figures to log).

    The figures are those of ``loss_of``, and ``gradient_norm``.
    """

    def update(state: TrainState, batch: Any, progress: Progress) -> tuple[TrainState, Parts]:
        gradients, parts = jax.grad(loss_of, has_aux=True)(state.params, batch)
        changes, optimizer_state = optimizer(progress).update(
            gradients, state.optimizer, state.params
        )
        params = optax.apply_updates(state.params, changes)
        averaged = average(state.average, params, state.step)
        parts = parts | {"gradient_norm": optax.global_norm(gradients)}
        return TrainState(state.step + 1, params, averaged, optimizer_state), parts

    return update


def _decay(config: OptimizerConfig, step: jax.Array) -> jax.Array | float:
    """The decay at a step; with a warm-up it is (1 + step) / (10 + step) at first, as usual."""
    if not config.ema_warmup:
        return config.ema_decay
    return jnp.minimum(config.ema_decay, (1.0 + step) / (10.0 + step))
