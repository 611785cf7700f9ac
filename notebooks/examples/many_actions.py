"""Offline Q-learning of an action of many dimensions with a small decoder-only Transformer.

    python -m notebooks.examples.many_actions --loss hl-gauss --seed 0

Farebrother et al. 2024 (arXiv 2403.03950) train the Q-Transformer of Chebotar et al. 2023 (arXiv
2309.10150) on a robot's data with the cross-entropy of HL-Gauss. Here the robot is the arm of
`arm.py`. The data are of controllers that are random, poor and good.

Each torque is one of nine. The network reads a token for each joint: the observation, with weights
of the joint's own, and the torque of the joint before. Its outputs are the values of the nine
torques of the joint. Of the Q-Transformer's parts, the history of observations and the Monte-Carlo
returns as a lower bound of targets are left out.
"""

from functools import lru_cache

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.misc.reacher import EnvState

from engine.study.table import Figures
from notebooks.examples.arm import (
    CONTROLLERS,
    JOINTS,
    REPEAT,
    STEPS,
    TORQUES,
    Controller,
    control,
    move,
    observe,
    reset,
)
from notebooks.examples.cells import Cell, refuse_absent, run
from notebooks.examples.offline import OWN, Data, Offline, at_action, decode, greedy, learn
from notebooks.examples.returns import ReturnLoss

BINS = 21
"""Outputs for each value. With 51, HL-Gauss hardly learned in this time: its sigma, in proportion
to the bins, was small against the changes of targets from copy to copy."""
DISCOUNT = 0.9
"""Per action. An episode does not end early: its last state has a value, as all others."""
EPISODES = 1000
SHARES = (0.25, 0.25, 0.25, 0.25)
"""Shares of the episodes of each controller."""
DATA_SEED, TEST_SEED = 0, 1
TEST_EPISODES = 128
CONSERVATIVE = 0.3
"""Weight of the conservative regularizer. Chosen in single trials with one seed: squared error was
as good at 0.1 and worse at 1, HL-Gauss worse at 0.1 and not much worse at 1."""
WIDTH, LAYERS = 64, 2
SETTINGS = Offline(updates=3000, batch_size=256, learning_rate=3e-3, target_period=25)


@lru_cache(maxsize=1)
def played_episodes() -> tuple[Data, np.ndarray]:
    """The data without noise, [EPISODES, STEPS, ...], and the controllers' indices [EPISODES]."""
    generator = np.random.default_rng(DATA_SEED)
    kinds = generator.choice(len(CONTROLLERS), size=EPISODES, p=SHARES)
    controllers = Controller(*jnp.array(list(CONTROLLERS.values()))[kinds].T)

    def episode(controller: Controller, key: jax.Array) -> Data:
        def step(state: EnvState, key: jax.Array):
            action = control(controller, state, key)
            following, reward = move(state, action)
            return following, {
                "observations": observe(state),
                "actions": action,
                "rewards": reward,
                "following": observe(following),
            }

        first, keys = jax.random.split(key)
        return jax.lax.scan(step, reset(first), jax.random.split(keys, STEPS))[1]

    keys = jax.random.split(jax.random.key(DATA_SEED), EPISODES)
    return jax.jit(jax.vmap(episode))(controllers, keys), kinds


def make_data(noise: float, seed: int) -> Data:
    """The data as arrays by action: observations and following ones [N, 3 JOINTS + 2], actions
    [N, JOINTS] and rewards [N].

    ``noise``: width of the uniform noise, from 0, on each reward; ``seed``: that of the noise.
    """
    episodes = played_episodes()[0]
    data = {name: array.reshape(-1, *array.shape[2:]) for name, array in episodes.items()}
    key = jax.random.fold_in(jax.random.key(DATA_SEED), seed)
    data["rewards"] += noise * jax.random.uniform(key, data["rewards"].shape)
    return data


def make_network(width: int, bins: int) -> hk.Transformed:
    """The network: observations [B, 3 JOINTS + 2] and actions [B, T] -> outputs
    [B, T, TORQUES, bins] of the first T joints. The last torque is not seen.

    With ``at``, the index of a joint, only its outputs are computed: [B, 1, TORQUES, bins].
    """

    def forward(
        observations: jax.Array, actions: jax.Array, at: jax.Array | None = None
    ) -> jax.Array:
        tokens = hk.Linear(JOINTS * width, name="observation")(observations)
        tokens = tokens.reshape(-1, JOINTS, width)[:, : actions.shape[1]]
        before = hk.Embed(TORQUES, width, name="torque")(actions[:, :-1])
        tokens += jnp.pad(before, ((0, 0), (1, 0), (0, 0)))
        outputs = decode(tokens, width, LAYERS, TORQUES * bins, at)
        return outputs.reshape(*outputs.shape[:2], TORQUES, bins)

    return hk.without_apply_rng(hk.transform(forward))


def bellman_loss(
    by_return: ReturnLoss,
    outputs: jax.Array,
    target_outputs: jax.Array,
    next_outputs: jax.Array,
    batch: Data,
) -> jax.Array:
    """The loss of each torque [B, JOINTS] in autoregressive Q-learning (Chebotar et al. 2023,
    section 4.1).

    outputs, target_outputs [B, JOINTS, TORQUES, bins] of the state, by the network and by the
    target network; next_outputs [B, 1, TORQUES, bins] of the next state, by the target network. The
    target of a torque is the value of the next joint's best torque; that of the last joint's is
    the reward + discount * the value of the first joint's best torque in the next state.

    To this the conservative regularizer is added (section 4.2, equation 2): torques that are not in
    the data have the minimal return, 0, as their target, with the same loss.
    """
    best = greedy(by_return.predict(target_outputs), target_outputs)
    next_best = greedy(by_return.predict(next_outputs), next_outputs)
    following = jnp.concatenate((best[:, 1:], next_best), axis=1)
    last = np.arange(JOINTS) == JOINTS - 1
    rewards = jnp.where(last, batch["rewards"][:, None], 0.0)
    discounts = jnp.where(last, DISCOUNT, jnp.ones_like(rewards))
    actions = batch["actions"]
    bellman = by_return.bellman_loss(at_action(outputs, actions), rewards, discounts, following)
    minimal = by_return.loss(outputs, jnp.zeros(outputs.shape[:-1]))
    unseen = jnp.arange(TORQUES) != actions[..., None]
    return bellman + CONSERVATIVE * jnp.where(unseen, minimal, 0.0).sum(axis=-1) / (TORQUES - 1)


def train(cell: Cell, report) -> Figures:
    """Train a cell. Figures: `score`, the mean return of test episodes without discount, in steps
    of the arm, from 0 to 100."""
    refuse_absent(cell, OWN)
    by_return = return_loss(cell)
    network = make_network(WIDTH * cell.width, by_return.bins)
    data = make_data(cell.noise, cell.seed)
    params = jax.jit(network.init)(
        jax.random.key(cell.seed), data["observations"][:1], data["actions"][:1]
    )

    def loss(params: hk.Params, target: hk.Params, batch: Data) -> jax.Array:
        state = batch["observations"], batch["actions"]
        next_state = batch["following"], batch["actions"][:, :1]
        outputs, target_outputs = network.apply(params, *state), network.apply(target, *state)
        next_outputs = network.apply(target, *next_state)
        return bellman_loss(by_return, outputs, target_outputs, next_outputs, batch).mean()

    @jax.jit
    def evaluate(params: hk.Params) -> dict[str, jax.Array]:
        return {"score": test_returns(network, by_return, params).mean()}

    return learn(cell, SETTINGS, params, data, loss, evaluate, report)


def return_loss(cell: Cell) -> ReturnLoss:
    """The loss. Returns are from 0 to 1 / (1 - discount), times the mean reward; 5 % more at both
    ends are a margin for HL-Gauss, whose targets would be truncated there."""
    highest = (1 + cell.noise / 2) / (1 - DISCOUNT)
    return ReturnLoss(cell.loss, -0.05 * highest, 1.05 * highest, BINS, cell.sigma_bins)


def act(
    network: hk.Transformed, by_return: ReturnLoss, params: hk.Params, observations: jax.Array
) -> jax.Array:
    """The actions [B, JOINTS] for observations: joint by joint, the torque of the highest value."""

    def choose(actions: jax.Array, joint: jax.Array):
        values = by_return.predict(network.apply(params, observations, actions, joint))[:, 0]
        return actions.at[:, joint].set(values.argmax(axis=-1)), None

    actions = jnp.zeros((len(observations), JOINTS), jnp.int32)
    return jax.lax.scan(choose, actions, jnp.arange(JOINTS))[0]


def test_returns(network: hk.Transformed, by_return: ReturnLoss, params: hk.Params) -> jax.Array:
    """[TEST_EPISODES]: returns without discount, of the same first states each time."""

    def step(states: EnvState, _):
        return jax.vmap(move)(states, act(network, by_return, params, jax.vmap(observe)(states)))

    states = jax.vmap(reset)(jax.random.split(jax.random.key(TEST_SEED), TEST_EPISODES))
    return REPEAT * jax.lax.scan(step, states, length=STEPS)[1].sum(axis=0)


if __name__ == "__main__":
    run(train, Cell(example="many-actions"))
