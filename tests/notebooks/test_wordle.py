"""Offline Wordle: the rules, the games in the data, the network and its training."""

from collections import Counter
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
from notebooks.examples import wordle
from notebooks.examples.cells import CURVE_POINTS, Cell
from notebooks.examples.returns import ReturnLoss
from notebooks.examples.wordle import GREEN, GREY, GUESSES, LENGTH, LETTERS, YELLOW

CELL = Cell(example="wordle", width=2, noise=0.5, target_period=1, scale=0.01, seed=3)
WORD = st.lists(st.integers(0, 3), min_size=LENGTH, max_size=LENGTH)  # few letters: many repeats


@pytest.fixture(autouse=True, scope="module")
def small():
    """Few words and games, small batches and a small network."""
    settings = replace(wordle.SETTINGS, updates=2000, batch_size=4)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in [
            ("GAMES", 64),
            ("WORDS", 20),
            ("WIDTH", 8),
            ("LAYERS", 1),
            ("SETTINGS", settings),
        ]:
            patch.setattr(wordle, name, value)
        wordle.words.cache_clear()
        wordle.played_games.cache_clear()
        yield
    wordle.words.cache_clear()
    wordle.played_games.cache_clear()


def letters(word: str) -> np.ndarray:
    return np.array([ord(letter) - ord("a") for letter in word])


def slow_colours(guess: list[int], secret: list[int]) -> list[int]:
    """The colours by the rules as they are told to people."""
    answer = [GREY] * LENGTH
    left = Counter(secret)
    for place in range(LENGTH):
        if guess[place] == secret[place]:
            answer[place] = GREEN
            left[guess[place]] -= 1
    for place in range(LENGTH):
        if answer[place] == GREY and left[guess[place]] > 0:
            answer[place] = YELLOW
            left[guess[place]] -= 1
    return answer


@given(WORD, WORD)
def test_colours_are_those_of_the_rules(guess: list[int], secret: list[int]):
    assert wordle.colours(np.array(guess), np.array(secret)).tolist() == slow_colours(guess, secret)


@pytest.mark.parametrize(
    "guess, secret, answer",
    [
        ("speed", "abide", [GREY, GREY, YELLOW, GREY, YELLOW]),
        ("speed", "erase", [YELLOW, GREY, YELLOW, YELLOW, GREY]),
        ("speed", "steal", [GREEN, GREY, GREEN, GREY, GREY]),
        ("robot", "robot", [GREEN] * LENGTH),
    ],
)
def test_colours_of_repeated_letters(guess: str, secret: str, answer: list[int]):
    assert wordle.colours(letters(guess), letters(secret)).tolist() == answer


def test_words_are_different_and_of_five_letters():
    words = wordle.words()
    assert words.shape == (wordle.WORDS, LENGTH)
    assert len({tuple(word) for word in words}) == wordle.WORDS
    assert words.min() >= 0 and words.max() < LETTERS


def test_all_policies_but_the_random_one_guess_words_that_the_colours_allow():
    secrets, guesses, policies = wordle.played_games()
    table = wordle.pattern_table()
    for secret, game, policy in zip(secrets, guesses, policies, strict=True):
        possible = np.ones(wordle.WORDS, bool)
        for guess in game:
            if wordle.POLICIES[policy] != "random":
                assert possible[guess]
            possible &= table[guess] == table[guess, secret]
            assert possible[secret]  # the secret always is among the words that are left


def test_a_split_leaves_the_fewest_words():
    table = np.array([[0, 1, 1, 1], [1, 0, 2, 3], [1, 1, 0, 1], [1, 1, 1, 0]])
    assert wordle.best_split(table, np.arange(4)) == 1
    assert wordle.best_split(table, np.array([0, 2])) == 0


def test_a_game_is_over_after_the_right_guess():
    data = {name: np.asarray(array) for name, array in wordle.make_data(0.0, 0).items()}
    secrets, guesses, _ = wordle.played_games()
    for game, secret in enumerate(secrets):
        right = np.flatnonzero(guesses[game] == secret)
        count = right[0] + 1 if len(right) else GUESSES
        assert data["played"][game].tolist() == [True] * count + [False] * (GUESSES - count)
        rewards = [-1.0] * count
        if len(right):
            rewards[-1] = 0.0
        assert data["rewards"][game, :count].tolist() == rewards
        discounts = data["discounts"][game, :count]
        assert discounts.tolist() == pytest.approx([wordle.DISCOUNT] * (count - 1) + [0.0])


def test_noise_is_in_the_rewards_of_the_data_alone():
    clean, noisy = wordle.make_data(0.0, 0), wordle.make_data(0.5, 0)
    added = np.asarray(noisy["rewards"] - clean["rewards"])
    assert 0 <= added.min() < 0.05 and 0.45 < added.max() < 0.5001
    for name in clean.keys() - {"rewards"}:
        assert (clean[name] == noisy[name]).all()
    assert (wordle.make_data(0.5, 0)["rewards"] == noisy["rewards"]).all()
    assert (wordle.make_data(0.5, 1)["rewards"] != noisy["rewards"]).any()


def test_outputs_do_not_depend_on_later_letters_or_colours():
    network = wordle.make_network(8, 3)
    generator = np.random.default_rng(0)
    games = jnp.asarray(generator.integers(LETTERS, size=(1, GUESSES, LENGTH)))
    clues = jnp.asarray(generator.integers(3, size=(1, GUESSES, LENGTH)))
    params = jax.jit(network.init)(jax.random.key(0), games, clues)
    params = jax.tree.map(lambda x: jax.random.normal(jax.random.key(1), x.shape), params)
    apply = jax.jit(network.apply)
    before = apply(params, games, clues)
    for token in (0, 3, 4, 5, 17, 29):
        guess, place = divmod(token, LENGTH)
        # The token's outputs are values of this letter: the letter is later than the token.
        changed = games.at[0, guess, place].add(1) % LETTERS
        after = apply(params, changed, clues.at[0, guess].add(1) % 3)
        np.testing.assert_array_equal(after[:, : token + 1], before[:, : token + 1])
        if token < GUESSES * LENGTH - 1:
            assert (after[:, token + 1] != before[:, token + 1]).any()
        one = apply(params, games, clues, jnp.asarray(token))
        np.testing.assert_allclose(one[:, 0], before[:, token], rtol=1e-4, atol=1e-4)


def test_bellman_targets_are_the_next_letters_best_value(monkeypatch: pytest.MonkeyPatch):
    """The loss of squared error is (target - value)^2 in units of the range, here 1."""
    monkeypatch.setattr(wordle, "CONSERVATIVE", 0.0)
    by_return = ReturnLoss("squared-error", 0.0, 1.0, bins=1)
    tokens = GUESSES * LENGTH
    values = np.random.default_rng(0).random((1, tokens, LETTERS)).astype(np.float32)
    batch = {
        "letters": jnp.arange(tokens).reshape(1, GUESSES, LENGTH) % LETTERS,
        "rewards": jnp.array([[-1.0, -1.0, -1.0, -1.0, -1.0, -3.0]]),
        "discounts": jnp.array([[0.5, 0.5, 0.5, 0.5, 0.5, 0.0]]),
    }
    outputs = jnp.zeros((1, tokens, LETTERS, 1)) - 0.5  # a value of 0
    losses = wordle.bellman_loss(by_return, outputs, jnp.asarray(values)[..., None] - 0.5, batch)
    best = values[0].max(axis=-1)
    for token in range(tokens - 1):
        target = -1 + 0.5 * best[token + 1] if token % LENGTH == 4 else best[token + 1]
        assert float(losses[0, token]) == pytest.approx(target**2, rel=1e-4)
    assert float(losses[0, -1]) == pytest.approx(9.0)


def test_the_regularizer_is_that_of_cql():
    by_return = ReturnLoss("squared-error", -6.5, 0.5, bins=1)
    batch = {
        "letters": jnp.zeros((1, GUESSES, LENGTH), int),
        "rewards": jnp.zeros((1, GUESSES)),
        "discounts": jnp.zeros((1, GUESSES)),
    }
    zero = -(-6.5 + 3.5) / 7  # the output with the value 0: low + range * (1/2 + output) = 0
    outputs = jnp.full((1, GUESSES * LENGTH, LETTERS, 1), zero)
    losses = wordle.bellman_loss(by_return, outputs, outputs, batch)
    assert losses[0].tolist() == pytest.approx(
        [wordle.CONSERVATIVE * np.log(LETTERS)] * GUESSES * LENGTH, rel=1e-4
    )


def test_results_count_a_lost_game_as_seven_guesses():
    secrets = np.array([letters("robot"), letters("water")])
    games = np.zeros((2, GUESSES, LENGTH), int)
    games[0, 2] = games[0, 4] = letters("robot")
    figures = {name: float(x) for name, x in wordle.results(games, secrets).items()}
    assert figures == {"score": 0.5, "guesses": 5.0}


@lru_cache
def trained(loss: LossName) -> Figures:
    """The figures of a tiny training."""
    return wordle.train(replace(CELL, loss=loss), lambda _: None)


@pytest.mark.parametrize("loss", ["squared-error", "hl-gauss", "c51"])
def test_a_tiny_training_with_each_kind_of_loss(loss: LossName):
    figures = trained(loss)
    assert figures.keys() >= {"score", "guesses", "score_1", "score_20"}
    found = {name: float(x) for name, x in figures.items() if x is not None}
    assert found == figures and np.isfinite(list(found.values())).all()
    assert 1 <= found["guesses"] <= 7 and 0 <= found["score"] <= 1


def test_the_same_cell_has_the_same_figures():
    shares: list[float] = []
    assert wordle.train(CELL, shares.append) == trained(CELL.loss)
    assert len(shares) == CURVE_POINTS and shares[-1] == 1.0


@pytest.mark.parametrize("wrong", [{"game": "x"}, {"experts": 2}, {"updates": 2}])
def test_settings_of_other_examples_are_refused(wrong: dict):
    with pytest.raises(InputError, match=r"expected .* found .*; leave out"):
        wordle.train(replace(CELL, **wrong), lambda _: None)
