"""Actions of many dimensions: the arm and its controllers, the network and its training."""

from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from engine.study.table import Figures
from model.targets.value_losses import LossName
from notebooks.examples import arm, many_actions
from notebooks.examples.arm import CONTROLLERS, JOINTS, REPEAT, STEPS, TORQUES
from notebooks.examples.cells import CURVE_POINTS, Cell
from notebooks.examples.returns import ReturnLoss

CELL = Cell(example="many-actions", width=2, noise=0.5, target_period=1, scale=0.01, seed=3)


@pytest.fixture(autouse=True, scope="module")
def small():
    """Few episodes, small batches and a small network."""
    settings = replace(many_actions.SETTINGS, updates=2000, batch_size=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in [
            ("EPISODES", 400),
            ("TEST_EPISODES", 4),
            ("WIDTH", 8),
            ("LAYERS", 1),
            ("SETTINGS", settings),
        ]:
            patch.setattr(many_actions, name, value)
        many_actions.played_episodes.cache_clear()
        yield
    many_actions.played_episodes.cache_clear()


@given(st.integers(0, TORQUES - 1))
def test_discretising_a_torque_inverts(index: int):
    torque = arm.torques_of(jnp.asarray(index))
    assert -1 <= float(torque) <= 1
    assert int(arm.discretise(torque)) == index


@given(st.floats(-3, 3, width=32))
def test_discretising_takes_the_nearest_torque(torque: float):
    nearest = arm.torques_of(arm.discretise(jnp.asarray(torque)))
    possible = np.linspace(-1, 1, TORQUES)
    assert abs(float(nearest) - torque) <= np.abs(possible - torque).min() + 1e-6


def test_a_move_is_several_steps_of_reacher():
    state = arm.reset(jax.random.key(0))
    action = jnp.arange(JOINTS) % TORQUES
    torques = np.asarray(action) / (TORQUES - 1) * 2 - 1
    angles, speeds = np.array(state.angles), np.array(state.angle_vels)
    rewards = []
    for _ in range(REPEAT):
        speeds = speeds + 0.05 * 4.0 * torques
        angles = angles + 0.05 * speeds
        hand = np.array([np.cos(angles).sum(), np.sin(angles).sum()])
        rewards.append(np.exp(-np.square(hand - np.array(state.goal_xy)).sum()))
    after, reward = arm.move(state, action)
    np.testing.assert_allclose(after.angles, angles, atol=1e-4)
    np.testing.assert_allclose(after.angle_vels, speeds, atol=1e-4)
    assert float(reward) == pytest.approx(np.mean(rewards), abs=1e-5)


def test_observations_have_the_vector_to_the_goal():
    state = arm.reset(jax.random.key(1))
    seen = np.asarray(arm.observe(state))
    cosines, sines, speeds, to_goal = np.split(seen, [JOINTS, 2 * JOINTS, 3 * JOINTS])
    np.testing.assert_allclose(speeds, state.angle_vels)
    hand = np.array([cosines.sum(), sines.sum()])
    np.testing.assert_allclose(hand + to_goal, state.goal_xy, atol=1e-5)


def test_good_controllers_have_higher_returns():
    data, kinds = many_actions.played_episodes()
    returns = REPEAT * np.asarray(data["rewards"]).sum(axis=1)
    means = {name: returns[kinds == kind].mean() for kind, name in enumerate(CONTROLLERS)}
    assert means["random"] < 10 < means["weak"] < means["good"]
    assert means["shaky"] < means["good"]
    assert returns.min() >= 0 and returns.max() <= 100


def test_the_data_are_transitions():
    episodes, _ = many_actions.played_episodes()
    np.testing.assert_array_equal(episodes["following"][:, :-1], episodes["observations"][:, 1:])
    data = many_actions.make_data(0.0, 0)
    assert {name: array.shape[0] for name, array in data.items()} == dict.fromkeys(
        data, 400 * STEPS
    )
    assert data["actions"].min() == 0 and data["actions"].max() == TORQUES - 1


def test_noise_is_in_the_rewards_of_the_data_alone():
    clean, noisy = many_actions.make_data(0.0, 0), many_actions.make_data(0.5, 0)
    added = np.asarray(noisy["rewards"] - clean["rewards"])
    assert -1e-6 < added.min() < 0.05 and 0.45 < added.max() < 0.5001
    for name in clean.keys() - {"rewards"}:
        assert (clean[name] == noisy[name]).all()
    assert (many_actions.make_data(0.5, 0)["rewards"] == noisy["rewards"]).all()
    assert (many_actions.make_data(0.5, 1)["rewards"] != noisy["rewards"]).any()


def test_outputs_do_not_depend_on_later_torques():
    network = many_actions.make_network(8, 3)
    observations = jax.random.normal(jax.random.key(0), (2, 3 * JOINTS + 2))
    actions = jnp.ones((2, JOINTS), int)
    params = jax.jit(network.init)(jax.random.key(0), observations, actions)
    params = jax.tree.map(lambda x: jax.random.normal(jax.random.key(1), x.shape), params)
    apply = jax.jit(network.apply)
    before = apply(params, observations, actions)
    for joint in range(JOINTS):
        after = apply(params, observations, actions.at[:, joint].set(0))
        np.testing.assert_array_equal(after[:, : joint + 1], before[:, : joint + 1])
        if joint < JOINTS - 1:
            assert (after[:, joint + 1] != before[:, joint + 1]).any()
        one = apply(params, observations, actions, jnp.asarray(joint))
        np.testing.assert_allclose(one[:, 0], before[:, joint], rtol=1e-4, atol=1e-4)


def test_bellman_targets_by_hand(monkeypatch: pytest.MonkeyPatch):
    """The loss of squared error is (target - value)^2 in units of the range, here 1."""
    monkeypatch.setattr(many_actions, "CONSERVATIVE", 0.0)
    by_return = ReturnLoss("squared-error", 0.0, 1.0, bins=1)
    values = np.random.default_rng(0).random((1, JOINTS + 1, TORQUES)).astype(np.float32)
    target = jnp.asarray(values)[..., None] - 0.5
    batch = {"actions": jnp.zeros((1, JOINTS), int), "rewards": jnp.array([0.25])}
    outputs = jnp.zeros((1, JOINTS, TORQUES, 1)) - 0.5  # a value of 0
    losses = many_actions.bellman_loss(by_return, outputs, target[:, :-1], target[:, -1:], batch)
    best = values[0].max(axis=-1)
    targets = [*best[1:JOINTS], 0.25 + many_actions.DISCOUNT * best[JOINTS]]
    assert losses[0].tolist() == pytest.approx(np.square(targets).tolist(), rel=1e-4)


def test_the_regularizer_pulls_unseen_torques_to_zero(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(many_actions, "CONSERVATIVE", 2.0)
    by_return = ReturnLoss("squared-error", -1.0, 1.0, bins=1)
    batch = {"actions": jnp.full((1, JOINTS), 3), "rewards": jnp.array([0.0])}
    outputs = jnp.zeros((1, JOINTS, TORQUES, 1)).at[:, :, 3].set(0.25)  # values 0, and 1/2 if seen
    zero = jnp.zeros_like(outputs)

    def total(outputs: jax.Array) -> jax.Array:
        losses = many_actions.bellman_loss(by_return, outputs, zero, zero[:, :1], batch)
        return losses.sum()

    assert float(total(outputs)) == pytest.approx(JOINTS * 0.25**2)  # no unseen torque counts
    one = outputs.at[0, 0, 5].set(0.25)
    more = 2.0 * 0.25**2 / (TORQUES - 1)
    assert float(total(one) - total(outputs)) == pytest.approx(more, rel=1e-3)


def test_actions_are_decoded_torque_by_torque():
    network = many_actions.make_network(8, 3)
    by_return = ReturnLoss("two-hot", 0.0, 1.0, bins=3)
    observations = jax.random.normal(jax.random.key(0), (3, 3 * JOINTS + 2))
    params = jax.jit(network.init)(jax.random.key(0), observations, jnp.zeros((3, JOINTS), int))
    params = jax.tree.map(lambda x: jax.random.normal(jax.random.key(1), x.shape), params)
    actions = many_actions.act(network, by_return, params, observations)
    values = by_return.predict(network.apply(params, observations, actions))
    np.testing.assert_array_equal(values.argmax(axis=-1), actions)


@lru_cache
def trained(loss: LossName) -> Figures:
    """The figures of a tiny training."""
    return many_actions.train(replace(CELL, loss=loss), lambda _: None)


@pytest.mark.parametrize("loss", ["squared-error", "hl-gauss", "c51"])
def test_a_tiny_training_with_each_kind_of_loss(loss: LossName):
    figures = trained(loss)
    assert figures.keys() >= {"score", "score_1", "score_20"}
    assert all(x is not None and 0 <= x <= 100 for x in figures.values())


def test_the_same_cell_has_the_same_figures():
    shares: list[float] = []
    assert many_actions.train(CELL, shares.append) == trained(CELL.loss)
    assert len(shares) == CURVE_POINTS and shares[-1] == 1.0


@pytest.mark.parametrize("wrong", [{"game": "x"}, {"experts": 2}, {"updates": 2}])
def test_settings_of_other_examples_are_refused(wrong: dict):
    with pytest.raises(InputError, match=r"expected .* found .*; leave out"):
        many_actions.train(replace(CELL, **wrong), lambda _: None)
