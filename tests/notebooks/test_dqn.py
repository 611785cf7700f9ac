"""The online examples: deep Q-learning on MinAtar, and the networks that learn with it."""

from dataclasses import replace
from functools import partial

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from model.targets.value_losses import LOSSES
from notebooks.examples import dqn, minatar, multi_task, soft_moe
from notebooks.examples.cells import CURVE_POINTS, Cell
from notebooks.examples.dqn import Agent, Settings, add_to_replay, return_loss, sample
from notebooks.examples.minatar import DISCOUNT, GAMES, Play, Step, patches

TINY = Settings(steps=640, environments=4, batch=4, updates=1, target_period=3)
SOFT_MOE = Cell(example="soft-moe", game="breakout")


class Corridor:
    """A stand-in for a game of MinAtar that compiles fast. One of the actions leads on, to a reward
    of 1, four times; all others end the episode."""

    def __init__(self, name: str):
        self.num_actions = 5 if name.startswith("Asterix") else 3
        self.obs_shape = (10, 10, 3 if name.startswith("Freeway") else 2)

    def reset(self, key, params):
        return self.see(0), jnp.zeros((), int)

    def see(self, place):
        return jnp.zeros(self.obs_shape).at[5, 2 * place, 1].set(1.0)

    def step(self, key, place, action, params):
        right = action == 2
        moved = jnp.where(right, place + 1, place)
        ended = ~right | (moved == 4)
        place = jnp.where(ended, 0, moved)
        info = {"final_observation": self.see(moved)}
        return self.see(place), place, right.astype(jnp.float32), ended, jnp.array(False), info


@pytest.fixture(scope="module", autouse=True)
def fast_compilation():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def corridors(monkeypatch):
    """All games are corridors, and trainings and replays small."""
    monkeypatch.setattr(minatar.gymnax, "make", lambda name: (Corridor(name), None))
    monkeypatch.setattr(dqn, "REPLAY", 2_000)
    monkeypatch.setattr(multi_task, "NAMES", ("asterix", "freeway"))
    for example in (soft_moe, multi_task):
        monkeypatch.setattr(example, "SETTINGS", TINY)
        example.agent_of.cache_clear()
    yield
    for example in (soft_moe, multi_task):
        example.agent_of.cache_clear()


def linear(observations, games, outputs):
    """A network that compiles fast."""
    return hk.Linear(outputs)(observations.reshape(len(observations), -1).astype(jnp.float32))


def agent(*names: str, cell: Cell = SOFT_MOE, settings: Settings = TINY) -> Agent:
    return Agent(names, linear, settings, return_loss(cell, names), cell.noise)


def numbered(numbers: np.ndarray) -> Step:
    """Steps that are all told by one number."""
    board = (numbers[:, None, None, None] + np.zeros((1, 10, 10, 1))) % 2 > 0
    return Step(board, numbers, numbers * 1.0, numbers * 0.5, ~board)


@given(rounds=st.integers(1, 12))
@settings(max_examples=10, deadline=None)
def test_replay_holds_the_latest_steps(rounds):
    count = 3
    replay = jax.tree.map(jnp.asarray, numbered(np.full(4 * count, -1)))
    for number in range(rounds):
        steps = numbered(np.arange(number * count, (number + 1) * count))
        replay = add_to_replay(replay, steps, jnp.asarray(number))
    latest = np.arange(rounds * count)[-4 * count :]
    np.testing.assert_array_equal(np.sort(np.asarray(replay.action)[: len(latest)]), latest)
    drawn = sample(replay, jnp.asarray(len(latest)), 64, jax.random.key(0))
    assert set(np.asarray(drawn.action)) <= set(latest)
    jax.tree.map(np.testing.assert_array_equal, drawn, numbered(np.asarray(drawn.action)))


@pytest.mark.parametrize("size, stride, cells", [(4, 2, 10), (3, 1, 6), (2, 2, 6)])
def test_patches_are_the_windows_of_the_board(size, stride, cells):
    board = np.arange(3.0 * cells * cells).reshape(1, cells, cells, 3)
    places = (cells - size) // stride + 1
    found = np.asarray(patches(board, size, stride)).reshape(places, places, size, size, 3)
    for row, column in np.ndindex(places, places):
        y, x = row * stride, column * stride
        np.testing.assert_array_equal(found[row, column], board[0, y : y + size, x : x + size])


def test_actions_that_a_game_lacks_are_never_chosen(corridors):
    several = agent("freeway", "asterix")
    games = jnp.arange(64) % 2
    values = np.asarray(several.values(jax.random.normal(jax.random.key(0), (64, 5, 51)), games))
    assert np.isneginf(values[0::2, 3:]).all() and np.isfinite(values[0::2, :3]).all()
    assert np.isfinite(values[1::2]).all()
    state = several.start(jax.random.key(0))
    boards = jnp.zeros((64, 10, 10, 3), bool)
    for epsilon in (0.0, 1.0):
        actions = several.act(state.learner.params, boards, games, epsilon, jax.random.key(1))
        chosen = [set(np.asarray(actions)[game::2]) for game in (0, 1)]
        assert max(chosen[0]) < 3
        assert [len(actions) for actions in chosen] == ([1, 1] if epsilon == 0 else [3, 5])


def test_a_real_game_that_stops_has_not_ended():
    real = agent("breakout")
    start = real.games.reset(0, 8, jax.random.key(0))
    step = jax.jit(real.games.play, static_argnums=0)
    late = Play(start.state.replace(time=jnp.arange(8) * 333), start.observation)  # 999 is the last
    after, steps, over = step(0, late, jnp.ones(8, int), jax.random.key(1))
    np.testing.assert_array_equal(over, np.arange(8) >= 3)
    np.testing.assert_allclose(steps.discount, DISCOUNT)
    np.testing.assert_array_equal(after.state.time, [1, 334, 667, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(after.observation[:3], steps.next_observation[:3])
    assert (np.asarray(after.observation[3:]) != np.asarray(steps.next_observation[3:])).any()

    play, ends = start, 0
    for number in range(12):  # the paddle stays on the left; the ball arrives after nine steps
        play, steps, over = step(0, play, jnp.ones(8, int), jax.random.key(number))
        np.testing.assert_array_equal(steps.discount, np.where(over, 0, np.float32(DISCOUNT)))
        ends += int(over.sum())
    assert ends > 0


def test_rounds(corridors):
    """Noise, warm-up and target network, with one compilation."""
    of = agent("breakout", cell=replace(SOFT_MOE, noise=0.5))
    state, step = of.start(jax.random.key(0)), jax.jit(of.round)
    state = step(state, jax.random.key(0))
    assert state.learner.updates == 0  # still the warm-up
    same = []
    for number in range(6):
        late = state._replace(rounds=jnp.asarray(20 + number))
        state = step(late, jax.random.key(number + 1))
        equal = jax.tree.map(lambda a, b: bool((a == b).all()), *state.learner[:2])
        same.append(all(jax.tree.leaves(equal)))
    assert state.learner.updates == 6 and same == [False, False, True] * 2

    rewards = np.asarray(state.replays[0].reward)
    rows = np.r_[: TINY.environments, 20 * TINY.environments : 26 * TINY.environments]
    added = rewards[rows] % 1.0  # rewards of the corridor are 0 and 1
    assert (added > 0).all() and (added < 0.5).all() and len(set(added)) == len(rows)
    assert np.count_nonzero(rewards) == len(rows)
    returns = dqn.EPISODES * np.asarray(of.evaluate(state.learner.params, jax.random.key(2)))
    np.testing.assert_allclose(returns, np.round(returns), atol=1e-4)  # without noise


def test_epsilon_falls_from_1_in_proportion():
    expected = [1.0, 0.525, 0.05, 0.05]
    found = [dqn.epsilon_at(jnp.asarray(done)) for done in (0.0, 0.1, 0.2, 1.0)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_range_of_returns_has_room_for_noise():
    quiet, noisy = (return_loss(Cell(noise=noise), ["breakout"]) for noise in (0.0, 1.0))
    assert quiet.high == GAMES["breakout"].high == -quiet.low
    assert noisy.high >= quiet.high + 0.5 / (1 - DISCOUNT)


# The soft mixture of experts


def mixture(experts: int, tokens: jax.Array):
    network = hk.without_apply_rng(hk.transform(partial(soft_moe.soft_moe, experts=experts)))
    return network.apply, network.init(jax.random.key(0), tokens)


@given(seed=st.integers(0, 100), size=st.sampled_from((0.1, 5.0, 100.0)))
@settings(max_examples=10, deadline=None)
def test_weights_of_the_mixture_sum_to_one(seed, size):
    logits = jnp.asarray(np.random.default_rng(seed).normal(0, size, (3, 5, 8)))
    dispatch, combine = soft_moe.mixture_weights(logits)
    np.testing.assert_allclose(dispatch.sum(axis=1), 1, rtol=1e-5)  # over tokens, for each slot
    np.testing.assert_allclose(combine.sum(axis=2), 1, rtol=1e-5)  # over slots, for each token


def test_order_of_experts_does_not_matter(experts=4):
    tokens = jax.random.normal(jax.random.key(1), (2, 16, 8))
    apply, params = mixture(experts, tokens)
    (module, own), order = next(iter(params.items())), np.roll(np.arange(experts), 1)
    slots = own["slots"].reshape(8, experts, -1)[:, order].reshape(8, -1)
    turned = {"slots": slots, "first": own["first"][order], "second": own["second"][order]}
    assert turned.keys() == own.keys()
    expected = apply(params, tokens)
    assert expected.shape == tokens.shape
    np.testing.assert_allclose(apply({module: turned}, tokens), expected, atol=1e-5)
    wrong = turned | {"first": own["first"]}
    assert np.abs(apply({module: wrong}, tokens) - expected).max() > 1e-3


def test_new_tokens_are_in_the_order_of_the_tokens():
    tokens = jax.random.normal(jax.random.key(1), (2, 16, 8))
    apply, params = mixture(4, tokens)
    order = np.random.default_rng(0).permutation(16)
    turned = apply(params, tokens[:, order])
    np.testing.assert_allclose(turned, apply(params, tokens)[:, order], atol=1e-5)


def test_untrained_network_predicts_zero_for_every_loss():
    network = partial(soft_moe.soft_moe_network, outputs=2 * 51, experts=3)
    plain = hk.without_apply_rng(hk.transform(network))
    boards, games = jnp.ones((4, 10, 10, 3), bool), jnp.zeros(4, int)
    params = jax.jit(plain.init)(jax.random.key(0), boards, games)
    outputs = jax.jit(plain.apply)(params, boards, games)
    for loss in LOSSES:
        of = return_loss(Cell(loss=loss), ["breakout"])
        np.testing.assert_allclose(of.predict(outputs.reshape(4, 2, 51)), 0.0, atol=1e-5)


# Whole trainings


@pytest.mark.parametrize("loss", LOSSES)
def test_learns_the_corridor_with_each_loss(corridors, loss):
    settings = Settings(6_400, 8, 16, updates=1, target_period=20, learning_rate=0.01)
    learner = agent("breakout", cell=replace(SOFT_MOE, loss=loss), settings=settings)
    returns = dqn.train_agent(learner, 0, lambda share: None)
    assert dqn.final_score(returns) > 3.7


def test_training_twice_gives_the_same_figures(corridors):
    cell, shares = replace(SOFT_MOE, experts=2, seed=3), []
    figures = soft_moe.train(cell, shares.append)
    assert shares == pytest.approx(np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS)
    assert figures == soft_moe.train(cell, lambda share: None)
    scores = np.array([x for name, x in figures.items() if name != "return"], float)
    assert list(figures) == ["score", "return", *(f"score_{n + 1}" for n in range(CURVE_POINTS))]
    assert scores[0] == pytest.approx(scores[-4:].mean())


def test_training_of_several_games(corridors):
    names = multi_task.NAMES
    figures = multi_task.train(Cell(example="multi-task"), lambda share: None)
    assert figures.keys() == {"score", *names, *(f"score_{n + 1}" for n in range(CURVE_POINTS))}
    returns = np.array([figures[name] for name in names])
    assert figures["score"] == pytest.approx(
        minatar.normalised(returns, multi_task.NAMES).mean(), abs=1e-5
    )


def test_normalised_returns():
    random, published = ([getattr(g, of) for g in GAMES.values()] for of in ("random", "published"))
    np.testing.assert_allclose(
        minatar.normalised(np.array([random, published]), multi_task.NAMES).T, [(0, 1)] * 4
    )


@pytest.mark.parametrize(
    "train, cell",
    [
        (soft_moe.train, replace(SOFT_MOE, width=2)),
        (soft_moe.train, replace(SOFT_MOE, game="pong")),
        (soft_moe.train, replace(SOFT_MOE, experts=0)),
        (multi_task.train, Cell(example="multi-task", experts=2)),
        (multi_task.train, Cell(example="multi-task", game="breakout")),
        (multi_task.train, Cell(example="multi-task", width=0)),
    ],
)
def test_settings_that_an_example_lacks_are_refused(train, cell):
    with pytest.raises(InputError, match=r"expected .*found .*;"):
        train(cell, lambda share: None)
