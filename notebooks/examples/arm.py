"""A robot's arm of four joints for `many_actions`, and controllers to take data from.

The arm is gymnax's Reacher-misc, in which the number of joints is free; the actions of Swimmer-misc
always have two dimensions. The angles of the joints are absolute, each torque speeds up one joint,
and the reward is exp(-d^2), d the distance of the hand from the goal in lengths of a link.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.misc.reacher import EnvParams, EnvState, Reacher

from model.targets.value_losses import Array

JOINTS, TORQUES = 4, 9
REPEAT, STEPS = 5, 20
"""Steps of Reacher that an action is repeated for, and actions in an episode."""


class Arm(Reacher):
    """Reacher with any number of joints; gymnax 1.0.1 can observe two joints only."""

    def get_obs(self, state: EnvState, params, key=None) -> jax.Array:
        """[3 JOINTS + 2]: cosine, sine and speed of each joint, and the vector to the goal."""
        x, y, to_goal = directions(state)
        return jnp.concatenate((x, y, state.angle_vels, to_goal))


def directions(state: EnvState) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Cosine and sine of each joint [JOINTS], and the vector from the hand to the goal [2]."""
    x, y = jnp.cos(state.angles), jnp.sin(state.angles)
    return x, y, state.goal_xy - jnp.stack((x.sum(), y.sum()))


ARM = Arm(num_joints=JOINTS)
PARAMS = EnvParams(torque_scale=4.0)
"""Four times the usual torque, so that a good controller is at the goal in half of an episode."""


class Controller(NamedTuple):
    """Torques of a controller: gain * (pull of the goal on the joints) - damping * their speeds,
    with Gaussian noise of standard deviation ``noise``, clipped to [-1, 1]."""

    gain: float
    damping: float
    noise: float


CONTROLLERS = {
    "random": Controller(0.0, 0.0, 0.7),
    "weak": Controller(0.3, 1.0, 0.0),
    "shaky": Controller(1.0, 0.5, 1.0),
    "good": Controller(0.5, 0.8, 0.0),
}


def discretise(torques: Array) -> jax.Array:
    """Torques in [-1, 1] -> the nearest of `TORQUES` evenly spaced ones, by its index."""
    return jnp.rint((jnp.clip(torques, -1.0, 1.0) + 1) / 2 * (TORQUES - 1)).astype(jnp.int32)


def torques_of(indices: Array) -> jax.Array:
    """The inverse of `discretise`."""
    return jnp.asarray(indices) / (TORQUES - 1) * 2 - 1


def control(controller: Controller, state: EnvState, key: jax.Array) -> jax.Array:
    """The indices of the torques [JOINTS]."""
    x, y, to_goal = directions(state)
    torques = controller.gain * (x * to_goal[1] - y * to_goal[0])
    torques -= controller.damping * state.angle_vels
    return discretise(torques + controller.noise * jax.random.normal(key, (JOINTS,)))


def reset(key: jax.Array) -> EnvState:
    """A random first state."""
    return ARM.reset_env(key, PARAMS)[1]


def observe(state: EnvState) -> jax.Array:
    """[3 JOINTS + 2], see `Arm`."""
    return ARM.get_obs(state, PARAMS)


def move(state: EnvState, indices: jax.Array) -> tuple[EnvState, jax.Array]:
    """One action [JOINTS]: the state after `REPEAT` steps, and the mean reward, from 0 to 1."""

    def step(state: EnvState, _):
        torques = torques_of(indices)
        _, state, reward, _, _ = ARM.step_env(jax.random.key(0), state, torques, PARAMS)
        return state, reward

    state, rewards = jax.lax.scan(step, state, length=REPEAT)
    return state, rewards.mean()
