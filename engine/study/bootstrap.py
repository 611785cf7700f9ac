"""Learning values without a teacher: from games, by bootstrapping from a target network.

The target of a move is the target network's value, some plies later in the same game, of the move
played there; if the game is over by then, it is the game's result. The target network is a copy of
the network that is updated every few steps, so that targets move as the network learns, as in
reinforcement learning (Farebrother et al. 2024, section 4). The network learns the win probability
between the players of these games.

Training goes through the games from their ends backwards (`training_transitions`), since each
update of the target network carries results back only by these plies. With one ply this is TD(0)
with a target network (Mnih et al. 2015), with more plies n-step TD, up to learning from results
alone. For C51 the target is the target network's whole distribution (`Cell.target` for others).
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from engine.study.cell_training import Learning, optimizer_of
from engine.study.games import Games, Transitions, training_transitions
from engine.study.grid import Cell
from model.network.architecture import transformed
from model.targets.value_losses import Array, cross_entropy, value_loss
from model.training.loop import jit_update
from model.training.optimizer import Progress
from model.training.step import Average, Parts, TrainState, make_update

RENEWAL_STEPS = 10
"""Steps between updates of the target network."""


def from_games(cell: Cell, games: Games) -> Learning:
    """How a cell learns from games, by values ``cell.plies`` later."""
    batches = training_transitions(games, cell.batch_size, cell.plies, cell.steps, cell.seed)
    return Learning(batches, _bootstrapped_update(replace(cell, seed=0)))


@lru_cache(maxsize=64)
def _bootstrapped_update(cell: Cell) -> jax.stages.Wrapped:
    """(state, batch, progress) -> (state, parts), compiled once for all seeds. The state's average
    is the target network."""
    apply = transformed(cell.network).apply

    def loss_of(params: Any, batch: tuple[Transitions, Any]) -> tuple[jax.Array, Parts]:
        transitions, target_params = batch
        now = apply(params, transitions.now).moves[:, 0]
        later = jax.lax.stop_gradient(apply(target_params, transitions.later).moves[:, 0])
        ended = jnp.asarray(transitions.ended)
        losses = bootstrapped(cell, now, later, ended, transitions.results)
        return losses.mean(), {"loss": losses.mean(), "action_values": jnp.asarray(len(losses))}

    update = make_update(loss_of, optimizer_of(cell), follow_target(cell.target_network))

    def with_target_network(state: TrainState, batch: Transitions, progress: Progress):
        return update(state, (batch, state.average), progress)

    return jit_update(with_target_network)


def follow_target(target_network: str) -> Average:
    """How the target network follows the network: see `Cell.target_network`."""

    def followed(target_params: Any, params: Any, step: jax.Array) -> Any:
        if target_network == "average":
            share = 2 / (RENEWAL_STEPS + 1)  # its mean delay is (RENEWAL_STEPS - 1) / 2 steps, too
        else:
            share = jnp.where((step + 1) % RENEWAL_STEPS == 0, 1.0, 0.0)
        return jax.tree.map(lambda old, new: old * (1 - share) + new * share, target_params, params)

    return followed


def bootstrapped(cell: Cell, now: Array, later: Array, ended: Array, results: Array) -> jax.Array:
    """Outputs [B, K] now, and of the target network ``cell.plies`` later -> losses [B].

    ended: [B] bool; results: [B], for the side to move now. After an odd number of plies the other
    side is to move, so its value v is 1 - v for us, and its distribution is reversed.
    """
    odd = cell.plies % 2
    by_value = value_loss(cell.loss, cell.sigma_bins)
    if (cell.loss == "c51") == (cell.target == "own"):
        distributions = jax.nn.softmax(later[:, ::-1] if odd else later)
        at_the_end = by_value.loss(now, results)
        return jnp.where(ended, at_the_end, cross_entropy(now, distributions))
    value = by_value.predict(later)
    targets = jnp.where(ended, results, 1.0 - value if odd else value)
    return by_value.loss(now, jnp.clip(targets, 0.0, 1.0))
