"""Online deep Q-learning of four games by one network, which is told the game.

    python -m notebooks.examples.multi_task --loss hl-gauss --width 2 --seed 0

Farebrother et al. 2024 (arXiv 2403.03950, section 4.2.2) train large ResNets on many variants of
Atari games at once, where the advantage of HL-Gauss over squared error grows with the network. Here
the games are those of `minatar.GAMES`. Observations are padded to the channels of freeway and
actions to the five of asterix; those that a game does not have are never chosen. As in the paper,
all games share one range of returns and have the same weight in the loss, though their returns
differ in size.

The network is a convolution, an embedding of the game, and a residual block:

    hidden = relu(W1 relu(conv(observation)) + E[game])
    hidden = hidden + W3 relu(W2 hidden)

Width multiplies the 16 filters and the 64 hidden units.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import haiku as hk
import jax
import jax.numpy as jnp

from data_pipeline.common.errors import InputError
from engine.study.table import Figures
from model.targets.value_losses import Array
from notebooks.examples.cells import Cell, curve, refuse_absent, run
from notebooks.examples.dqn import (
    Agent,
    Settings,
    final_score,
    return_loss,
    train_agent,
)
from notebooks.examples.minatar import GAMES, normalised, patches

SETTINGS = Settings(steps=100_000, environments=16, batch=16)
CHANNELS, HIDDEN = 16, 64
NAMES = tuple(GAMES)


def train(cell: Cell, report: Callable[[float], None]) -> Figures:
    """Train a cell. Figures: the mean return in each game by name, and `score`, the mean over the
    games of `minatar.normalised` returns."""
    refuse_absent(cell, ("width", "noise", "target_period", "updates"))
    if cell.width < 1:
        raise InputError(f"expected a width of 1 or more, found {cell.width}; set --width")
    returns = train_agent(agent_of(replace(cell, seed=0)), cell.seed, report)
    final = dict(zip(NAMES, final_score(returns).tolist(), strict=True))
    scores = normalised(returns, NAMES).mean(axis=1)
    return {"score": float(final_score(scores))} | final | curve(scores.tolist())


@lru_cache(maxsize=4)
def agent_of(cell: Cell) -> Agent:
    """The agent of a cell with seed 0, compiled once for all seeds."""
    network = partial(game_network, width=cell.width)
    return Agent(NAMES, network, SETTINGS.of(cell), return_loss(cell, NAMES), cell.noise)


def game_network(observations: Array, games: Array, outputs: int, width: int) -> jax.Array:
    """A `dqn.Network`."""
    seen = jax.nn.relu(hk.Linear(CHANNELS * width)(patches(observations, size=4, stride=2)))
    flat = seen.reshape(len(seen), -1)
    hidden = jax.nn.relu(
        hk.Linear(HIDDEN * width)(flat) + hk.Embed(len(NAMES), HIDDEN * width)(games)
    )
    inner = jax.nn.relu(hk.Linear(HIDDEN * width)(hidden))
    hidden = hidden + hk.Linear(HIDDEN * width)(inner)
    return hk.Linear(outputs, w_init=jnp.zeros)(hidden)


if __name__ == "__main__":
    run(train, Cell(example="multi-task"))
