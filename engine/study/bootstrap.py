"""One cell of the study without a teacher: values learned from games and from one another.

A move's target is the value, some plies on in the same game, that a slow copy of the network gives
the move played there; where the game is over by then, its result. So the targets move as the
network learns, as they do in reinforcement learning (Farebrother et al. 2024, section 4), and what
is learned is the win probability among the players of the games. Games are learned from their ends
backwards (`training_transitions`), since a renewal of the slow copy carries a result back by no
more than these plies. This is TD(0) with a target network (Mnih et al. 2015), or n-step TD with
more plies, up to learning from results alone; with C51 the slow copy's whole distribution is the
target.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from engine.study.cell_training import Progress, optimizer_of, take_steps, trained
from engine.study.games import Games, Transitions, training_transitions
from engine.study.grid import Cell
from model.config import BoardConfig
from model.network.architecture import init_params, transformed
from model.network.network_file import Network
from model.targets.value_losses import Array, LossName, bellman_target, cross_entropy, value_loss
from model.training.runtime import shardings

SLOW_STEPS = 10
"""Every so many steps the slow copy becomes the network."""


def train_bootstrapped(
    cell: Cell, games: Games, progress: Progress, unfinished: Path
) -> tuple[Network, float]:
    """Train on games, ``cell.plies`` on; the network, and the seconds without compiling.

    ``unfinished``: see `take_steps`.
    """
    optimizer, update = compiled(
        cell.network, cell.loss, cell.sigma_bins, cell.learning_rate, cell.steps, cell.plies
    )
    params = init_params(cell.network, cell.seed)
    slow = jax.tree.map(jnp.array, params)
    state = jax.device_put((params, slow, optimizer.init(params)), shardings()[0])
    batches = training_transitions(games, cell.batch_size, cell.plies, cell.steps, cell.seed)
    state, seconds = take_steps(update, state, batches, cell.steps, progress, unfinished)
    return trained(cell, state[0]), seconds


@lru_cache(maxsize=64)
def compiled(
    network: BoardConfig, loss: LossName, sigma_bins: float, rate: float, steps: int, plies: int
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """The optimizer, and (state, batch, step) -> state; compiled once for all seeds."""
    optimizer = optimizer_of(rate, steps)
    apply = transformed(network).apply

    def loss_of(params: Any, slow: Any, batch: Transitions) -> jax.Array:
        now = apply(params, batch.now).moves[:, 0]
        later = jax.lax.stop_gradient(apply(slow, batch.later).moves[:, 0])
        ended = jnp.asarray(batch.ended)
        return bootstrapped(loss, sigma_bins, now, later, ended, batch.results, plies).mean()

    def update(state, batch: Transitions, step: jax.Array):
        params, slow, optimizer_state = state
        renew = step % SLOW_STEPS == 0
        slow = jax.tree.map(lambda old, new: jnp.where(renew, new, old), slow, params)
        gradients = jax.grad(loss_of)(params, slow, batch)
        changes, optimizer_state = optimizer(step).update(gradients, optimizer_state, params)
        return optax.apply_updates(params, changes), slow, optimizer_state

    out = shardings()[0]
    return optimizer(jnp.array(0)), jax.jit(update, donate_argnums=0, out_shardings=out)


def bootstrapped(
    loss: LossName,
    sigma_bins: float,
    now: Array,
    later: Array,
    ended: Array,
    results: Array,
    plies: int,
) -> jax.Array:
    """Outputs [B, K] now and, of the slow copy, ``plies`` on -> losses [B].

    ended: [B] bool; results: [B] of the side to move now. After an odd number of plies it is the
    other side's move, so our value is 1 - its value.
    """
    odd = plies % 2
    if loss == "c51":
        rewards = jnp.where(ended, results, 1.0 * odd)
        discounts = jnp.where(ended, 0.0, -1.0 if odd else 1.0)
        return cross_entropy(now, bellman_target(jax.nn.softmax(later), rewards, discounts))
    by_value = value_loss(loss, sigma_bins)
    value = by_value.predict(later)
    targets = jnp.where(ended, results, 1.0 - value if odd else value)
    return by_value.loss(now, jnp.clip(targets, 0.0, 1.0))
