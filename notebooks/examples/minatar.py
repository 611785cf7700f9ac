"""Games of MinAtar, one or several at once, in JAX.

MinAtar (Young & Tian 2019, arXiv 1903.03176) has five Atari games on a grid of 10 x 10 cells, with
a channel for each kind of thing. Here they are those of gymnax 1.0.1, which differ in this:

- no sticky actions, and only the actions that do something in the game;
- episodes stop after 1000 steps, those of freeway after 2500. A stop is not an end: the value of
  the last position counts in the target. (Freeway's 2500 are an end in the original.)
- in space invaders the aliens shoot once an episode, not all the time, since gymnax does not reset
  their timer. It is a much easier game.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

from model.targets.value_losses import Array

DISCOUNT = 0.99


@dataclass(frozen=True)
class Game:
    """A game of MinAtar."""

    name: str
    """Its name in gymnax."""
    high: float
    """Discounted returns are well between -high and high. At most a shot in five hits in space
    invaders, so 20 is a bound; the others are estimates of very good play."""
    random: float
    """Mean return of random play in gymnax, over 256 episodes."""
    published: float
    """Mean return of Young & Tian's DQN after 1 million frames, read off the figure in MinAtar's
    README (github.com/kenjyoung/MinAtar). It is the return in training, with epsilon 0.1, in the
    original games."""


GAMES = {
    "asterix": Game("Asterix-MinAtar", 10.0, 0.41, 7.0),
    "breakout": Game("Breakout-MinAtar", 10.0, 0.33, 9.3),
    "freeway": Game("Freeway-MinAtar", 5.0, 0.44, 48.0),
    "space_invaders": Game("SpaceInvaders-MinAtar", 20.0, 4.02, 32.0),
}


def normalised(returns: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns [..., games] -> [..., games]: 0 is random play, 1 the published DQN's after 1 million
    frames."""
    random, published = np.array([(GAMES[n].random, GAMES[n].published) for n in names]).T
    return (returns - random) / (published - random)


class Step(NamedTuple):
    """Steps in a game, with any leading dimensions."""

    observation: Array
    """[10, 10, channels], true where something is"""
    action: Array
    reward: Array
    discount: Array
    """0 where the episode ends"""
    next_observation: Array


class Play(NamedTuple):
    """Environments of a game that are being played."""

    state: Any
    observation: Array


class Games:
    """Games that are played side by side; a game is told by its number.

    Observations have as many channels as the game with most, the others' filled with zeros.
    """

    def __init__(self, names: Sequence[str]):
        made = [gymnax.make(GAMES[name].name) for name in names]
        self.environments = [environment for environment, _ in made]
        self.params = [params for _, params in made]
        self.actions = np.array([environment.num_actions for environment in self.environments])
        self.channels = max(environment.obs_shape[-1] for environment in self.environments)

    def __len__(self) -> int:
        return len(self.environments)

    def reset(self, game: int, count: int, key: jax.Array) -> Play:
        """New episodes in ``count`` environments of a game."""
        reset = jax.vmap(self.environments[game].reset, in_axes=(0, None))
        observation, state = reset(jax.random.split(key, count), self.params[game])
        return Play(state, self.padded(observation))

    def padded(self, observations: Array) -> jax.Array:
        """Observations [..., channels of a game] -> [..., channels], as booleans."""
        missing = self.channels - observations.shape[-1]
        return jnp.pad(observations > 0, [(0, 0)] * (observations.ndim - 1) + [(0, missing)])

    def play(
        self, game: int, play: Play, actions: Array, key: jax.Array
    ) -> tuple[Play, Step, jax.Array]:
        """One step of each environment of a game: how it goes on, the steps, and whether the
        episodes are over (then a new one has begun)."""
        step = jax.vmap(self.environments[game].step, in_axes=(0, 0, 0, None))
        keys = jax.random.split(key, len(actions))
        observation, state, reward, ended, stopped, info = step(
            keys, play.state, actions, self.params[game]
        )
        discount = DISCOUNT * (1.0 - ended)
        last = self.padded(info["final_observation"])
        done = Step(play.observation, actions.astype(jnp.int32), reward, discount, last)
        return Play(state, self.padded(observation)), done, ended | stopped


def patches(board: Array, size: int, stride: int) -> jax.Array:
    """[B, rows, columns, C] -> [B, places, size size C]: the windows of size x size cells at every
    ``stride``-th cell, in rows.

    A linear layer on them is a convolution; as a product of matrices it is several times faster on
    a CPU than XLA's own.
    """
    ends = [cells - size + 1 for cells in board.shape[1:3]]
    windows = [
        board[:, row : row + ends[0] : stride, column : column + ends[1] : stride]
        for row in range(size)
        for column in range(size)
    ]
    stacked = jnp.concatenate(windows, axis=-1).astype(jnp.float32)
    return stacked.reshape(len(stacked), -1, stacked.shape[-1])
