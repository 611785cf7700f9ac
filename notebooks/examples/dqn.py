"""Deep Q-learning on games of MinAtar, with the environments and the learner in one jit.

The learner is that of Mnih et al. 2015 (DQN) in the form of Young & Tian 2019: replay of the last
100,000 steps, uniform batches, a target network, no double Q-learning, one-step targets, discount
0.99. As in Obando-Ceron & Castro 2021, "Revisiting Rainbow", the optimizer is Adam. Environments
run in parallel, with several updates after each of their steps. Several games can be learned at
once by one network: each has its own environments, replay and share of a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax

from model.targets.value_losses import Array
from notebooks.examples.cells import CURVE_POINTS, FINAL, Cell
from notebooks.examples.minatar import DISCOUNT, GAMES, Games, Play, Step
from notebooks.examples.returns import ReturnLoss

REPLAY = 100_000
"""Steps of a game that its replay holds."""
WARM_UP = 0.01
"""Share of the training before the first update."""
EXPLORATION = 0.2
"""Share of the training during which epsilon falls, in proportion, from 1 to `LAST_EPSILON`."""
LAST_EPSILON = 0.05
ADAM_EPSILON = 1e-8
"""Small against the gradients of every loss, so that their different sizes do not matter."""
EVALUATION_EPSILON = 0.01
EPISODES = 32
"""Episodes of an evaluation, of each game."""


@dataclass(frozen=True)
class Settings:
    """A training. Steps, environments and batch are those of each game."""

    steps: int
    environments: int = 32
    batch: int = 32
    updates: int = 4
    """Updates after each step of all environments."""
    target_period: int = 250
    """Updates between copies to the target network."""
    learning_rate: float = 3e-4

    def of(self, cell: Cell) -> "Settings":
        """With the cell's own settings."""
        return replace(
            self,
            steps=round(self.steps * cell.scale),
            updates=cell.updates or self.updates,
            target_period=cell.target_period or self.target_period,
            learning_rate=self.learning_rate * cell.learning_rate,
        )

    @property
    def rounds(self) -> int:
        """Steps of all environments between two evaluations."""
        return max(1, self.steps // (self.environments * CURVE_POINTS))


Network = Callable[[Array, Array, int], jax.Array]
"""A network as Haiku code: observations [B, 10, 10, channels], number of the game [B], count of
outputs n -> [B, n]."""
Params = Any


class Learner(NamedTuple):
    params: Params
    target: Params
    optimizer: optax.OptState
    updates: Array


class State(NamedTuple):
    """Everything that changes in a training; plays and replays are by game."""

    learner: Learner
    plays: tuple[Play, ...]
    replays: tuple[Step, ...]
    rounds: Array


def return_loss(cell: Cell, names: Sequence[str]) -> ReturnLoss:
    """The loss, with one range for all games, symmetric as in the paper, so that an untrained
    network predicts 0.

    Noise adds half its width to each reward on average, which the range has room for.
    """
    high = max(GAMES[name].high for name in names) + cell.noise * (0.5 / (1 - DISCOUNT) + 1)
    return ReturnLoss(cell.loss, -high, high, sigma_bins=cell.sigma_bins)


def final_score(scores: np.ndarray) -> np.ndarray:
    """[CURVE_POINTS, ...] -> [...]: the mean of the last evaluations."""
    return scores[-FINAL:].mean(axis=0)


def add_to_replay(replay: Step, steps: Step, rounds: Array) -> Step:
    """Replay [size, ...] with steps [n, ...] of a round in the place of the oldest. n divides
    size."""
    size, count = replay.action.shape[0], steps.action.shape[0]
    start = (rounds * count) % size

    def put(held: Array, new: Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(held, new.astype(held.dtype), start, axis=0)

    return jax.tree.map(put, replay, steps)


def epsilon_at(done: Array) -> jax.Array:
    """Epsilon when a share of the training is done."""
    return jnp.maximum(LAST_EPSILON, 1 - (1 - LAST_EPSILON) * done / EXPLORATION)


def sample(replay: Step, filled: Array, count: int, key: jax.Array) -> Step:
    """Uniform steps [count, ...] of the first ``filled`` of a replay, with repetition."""
    rows = jax.random.randint(key, (count,), 0, filled)
    return jax.tree.map(lambda held: held[rows], replay)


class Agent:
    """Plays and learns games; its functions are compiled."""

    def __init__(
        self,
        names: Sequence[str],
        network: Network,
        settings: Settings,
        loss: ReturnLoss,
        noise: float = 0.0,
    ):
        self.games = Games(names)
        self.settings, self.loss, self.noise = settings, loss, noise
        self.optimizer = optax.adam(settings.learning_rate, eps=ADAM_EPSILON)

        def forward(observations: Array, games: Array) -> jax.Array:
            outputs = network(observations, games, int(self.games.actions.max()) * loss.bins)
            return outputs.reshape(len(observations), -1, loss.bins)

        self.network = hk.without_apply_rng(hk.transform(forward))
        self.start = jax.jit(self._start)
        self.learn = jax.jit(self._learn, donate_argnums=0)
        self.evaluate = jax.jit(self._evaluate)

    def values(self, outputs: Array, games: Array) -> jax.Array:
        """Outputs [B, actions, bins], games [B] -> the values of the actions [B, actions]; -inf for
        those that the game does not have."""
        legal = jnp.arange(outputs.shape[1]) < jnp.asarray(self.games.actions)[games][:, None]
        return jnp.where(legal, self.loss.predict(outputs), -jnp.inf)

    def act(
        self,
        params: Params,
        observations: Array,
        games: Array,
        epsilon: Array | float,
        key: jax.Array,
    ) -> jax.Array:
        """Epsilon-greedy actions [B] for observations [B, ...] of games [B]."""
        best = self.values(self.network.apply(params, observations, games), games).argmax(axis=1)
        explore, choose = jax.random.split(key)
        random = jax.random.randint(choose, best.shape, 0, jnp.asarray(self.games.actions)[games])
        return jnp.where(jax.random.uniform(explore, best.shape) < epsilon, random, best)

    def _evaluate(self, params: Params, key: jax.Array) -> jax.Array:
        """Mean return of an episode by game [games], almost greedy and without noise."""
        keys = jax.random.split(key, len(self.games))
        returns = [self._mean_return(game, params, keys[game]) for game in range(len(keys))]
        return jnp.stack(returns)

    def _mean_return(self, game: int, params: Params, key: jax.Array) -> jax.Array:
        games = jnp.full(EPISODES, game)

        def step(carry):
            play, running, returns, number = carry
            for_action, for_step = jax.random.split(jax.random.fold_in(key, number))
            actions = self.act(params, play.observation, games, EVALUATION_EPSILON, for_action)
            play, done, over = self.games.play(game, play, actions, for_step)
            return play, running & ~over, returns + running * done.reward, number + 1

        play = self.games.reset(game, EPISODES, key)
        start = (play, jnp.ones(EPISODES, bool), jnp.zeros(EPISODES), 0)
        return jax.lax.while_loop(lambda carry: carry[1].any(), step, start)[2].mean()

    def _start(self, key: jax.Array) -> State:
        for_params, *for_games = jax.random.split(key, 1 + len(self.games))
        count = self.settings.environments
        plays = [self.games.reset(game, count, for_game) for game, for_game in enumerate(for_games)]
        first = plays[0].observation[:1]
        params = self.network.init(for_params, first, jnp.zeros(1, int))
        learner = Learner(params, params, self.optimizer.init(params), jnp.zeros((), int))
        size = REPLAY // count * count
        board = jnp.zeros((size, *first.shape[1:]), bool)
        numbers = jnp.zeros(size)
        empty = Step(board, jnp.zeros(size, int), numbers, numbers, board)
        return State(learner, tuple(plays), (empty,) * len(plays), jnp.zeros((), int))

    def _learn(self, state: State, key: jax.Array) -> State:
        """The training until the next evaluation."""

        def one_round(state: State, _) -> tuple[State, None]:
            return self.round(state, jax.random.fold_in(key, state.rounds)), None

        return jax.lax.scan(one_round, state, None, length=self.settings.rounds)[0]

    def round(self, state: State, key: jax.Array) -> State:
        """A step of all environments, and the updates after it."""
        settings = self.settings
        done = state.rounds / (settings.rounds * CURVE_POINTS)
        for_action, for_update, *for_games = jax.random.split(key, 2 + len(state.plays))
        observations = jnp.concatenate([play.observation for play in state.plays])
        games = jnp.repeat(jnp.arange(len(state.plays)), settings.environments)
        actions = self.act(state.learner.params, observations, games, epsilon_at(done), for_action)
        plays, replays = [], []
        for game, (play, replay_) in enumerate(zip(state.plays, state.replays, strict=True)):
            own = actions[game * settings.environments : (game + 1) * settings.environments]
            for_step, for_noise = jax.random.split(for_games[game])
            play, steps, _ = self.games.play(game, play, own, for_step)
            noise = self.noise * jax.random.uniform(for_noise, steps.reward.shape)
            steps = steps._replace(reward=steps.reward + noise)
            plays.append(play)
            replays.append(add_to_replay(replay_, steps, state.rounds))
        filled = jnp.minimum((state.rounds + 1) * settings.environments, len(replays[0].action))
        learner = jax.lax.cond(
            done < WARM_UP,
            lambda learner: learner,
            partial(self.updated, replays=tuple(replays), filled=filled, key=for_update),
            state.learner,
        )
        return State(learner, tuple(plays), tuple(replays), state.rounds + 1)

    def updated(
        self, learner: Learner, replays: tuple[Step, ...], filled: Array, key: jax.Array
    ) -> Learner:
        """The learner after the updates of a round."""
        batch = self.settings.batch
        games = jnp.repeat(jnp.arange(len(replays)), batch)

        def update(learner: Learner, key: jax.Array) -> tuple[Learner, None]:
            keys = jax.random.split(key, len(replays))
            drawn = [sample(r, filled, batch, k) for r, k in zip(replays, keys, strict=True)]
            steps = jax.tree.map(lambda *parts: jnp.concatenate(parts), *drawn)
            gradients = jax.grad(self.bellman_loss)(learner.params, learner.target, steps, games)
            change, optimizer = self.optimizer.update(gradients, learner.optimizer)
            params = optax.apply_updates(learner.params, change)
            updates = learner.updates + 1
            copy = updates % self.settings.target_period == 0
            target = jax.tree.map(partial(jnp.where, copy), params, learner.target)
            return Learner(params, target, optimizer, updates), None

        keys = jax.random.split(key, self.settings.updates)
        return jax.lax.scan(update, learner, keys)[0]

    def bellman_loss(self, params: Params, target: Params, steps: Step, games: Array) -> jax.Array:
        """The mean loss of steps [B, ...] of games [B]."""
        rows = jnp.arange(len(games))
        outputs = self.network.apply(params, steps.observation, games)[rows, steps.action]
        following = self.network.apply(target, steps.next_observation, games)
        best = self.values(following, games).argmax(axis=1)
        following = following[rows, best]
        return self.loss.bellman_loss(outputs, steps.reward, steps.discount, following).mean()


def train_agent(agent: Agent, seed: int, report: Callable[[float], None]) -> np.ndarray:
    """Learn from the beginning; returns mean returns [CURVE_POINTS, games].

    ``report`` gets the share that is done.
    """
    key = jax.random.key(seed)
    state = agent.start(jax.random.fold_in(key, 0))
    returns = []
    for point in range(CURVE_POINTS):
        state = agent.learn(state, jax.random.fold_in(key, 1))
        found = agent.evaluate(state.learner.params, jax.random.fold_in(key, 2 + point))
        returns.append(np.asarray(found))
        report((point + 1) / CURVE_POINTS)
    return np.array(returns)
