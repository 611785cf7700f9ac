"""Offline Q-learning of Wordle with a small decoder-only Transformer, letter by letter.

    python -m notebooks.examples.wordle --loss hl-gauss --seed 0

Farebrother et al. 2024 (arXiv 2403.03950) learn Wordle, in the section on language agents, from
games of a mixture of policies with Q-learning and the regularizer of CQL. The environment is that
of Snell et al. 2023 (ILQL, arXiv 2206.11871): six guesses at a secret word of five letters, each
answered by five colours, and a reward of -1 for each guess that is not the word. This is the same,
with fewer words and a smaller network.

Words are the most frequent English ones of five letters in the package wordfreq 3.1 (code Apache
2.0, data CC BY-SA 4.0, https://github.com/rspeer/wordfreq). A secret is one of them. The network
may guess any five letters.

A guess is five actions, its letters. The network reads 30 tokens, 5 for each guess: the previous
guess with its colours as one token, then the guess's first four letters. Its outputs at a token are
the values of the 26 letters that can follow.
"""

import re
from functools import lru_cache

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from engine.study.table import Figures
from model.targets.value_losses import Array
from notebooks.examples.cells import Cell, refuse_absent, run
from notebooks.examples.offline import OWN, Data, Offline, at_action, decode, greedy, learn
from notebooks.examples.returns import ReturnLoss

LETTERS, LENGTH, GUESSES = 26, 5, 6
GREY, YELLOW, GREEN = range(3)
WORDS = 200
BINS = 21
"""Outputs for each value: three for a guess, since returns are near whole numbers."""
GAMES = 20_000
"""Games in the data."""
POLICIES = ("random", "consistent", "splitting")
SHARES = (0.6, 0.2, 0.2)
"""Shares of the games that each policy plays."""
DATA_SEED = 0
DISCOUNT = 0.99
"""Per guess, as in ILQL; within a guess it is 1."""
CONSERVATIVE = 30.0
"""Weight of the regularizer of CQL, relative to squared errors of returns or to cross-entropies.
Chosen in single trials with one seed: squared error won 69 % at 2, 84 % at 10 and 86 % at 60,
HL-Gauss 58 % at 10, 64 % at 30 and 68 % at 60."""
WIDTH, LAYERS = 64, 2
SETTINGS = Offline(updates=2600, batch_size=32, learning_rate=3e-3, target_period=100)


@lru_cache(maxsize=1)
def words() -> np.ndarray:
    """[WORDS, 5] int: letters 0 to 25 of the words, the most frequent first."""
    from wordfreq import top_n_list  # here, since it takes long to import

    found = [word for word in top_n_list("en", 5000) if re.fullmatch("[a-z]{5}", word)]
    return np.array([[ord(letter) - ord("a") for letter in word] for word in found[:WORDS]])


def colours(guesses: Array, secrets: Array) -> jax.Array:
    """[..., 5], [..., 5] letters -> [..., 5]: the colours of the letters of guesses.

    A letter is green in the right place. Other letters, from the left, are yellow as long as the
    secret has more of them than were coloured before; the rest are grey.
    """
    guesses, secrets = jnp.broadcast_arrays(guesses, secrets)
    green = guesses == secrets
    same = guesses[..., :, None] == guesses[..., None, :]
    before = np.tri(LENGTH, k=-1, dtype=bool)
    used = (same & ~green[..., None, :] & before).sum(axis=-1)
    left = ((guesses[..., :, None] == secrets[..., None, :]) & ~green[..., None, :]).sum(axis=-1)
    return jnp.where(green, GREEN, jnp.where(used < left, YELLOW, GREY))


def pattern_table() -> np.ndarray:
    """[WORDS, WORDS] int: the colours, as one number, of each word guessed at each secret."""
    return np.asarray(colours(words()[:, None], words()[None])) @ 3 ** np.arange(LENGTH)


@lru_cache(maxsize=1)
def played_games() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Secrets [GAMES], guesses [GAMES, 6] and policies [GAMES] of the data: words by their index.

    The policies: "random" guesses any word. "consistent" guesses a word that all colours so far
    allow. "splitting" guesses of those words the one after which the fewest will be left, on
    average. A game goes on after the right guess, which is ignored later.
    """
    generator = np.random.default_rng(DATA_SEED)
    table = pattern_table()
    secrets = generator.integers(WORDS, size=GAMES)
    policies = generator.choice(len(POLICIES), size=GAMES, p=SHARES)
    guesses = np.empty((GAMES, GUESSES), np.int64)
    possible = np.ones((GAMES, WORDS), bool)
    splits: dict[bytes, int] = {}
    for turn in range(GUESSES):
        allowed = possible | (policies == POLICIES.index("random"))[:, None]
        guesses[:, turn] = np.where(allowed, generator.random(allowed.shape), -1).argmax(axis=1)
        for game in np.flatnonzero(policies == POLICIES.index("splitting")):
            state = possible[game].tobytes()
            if state not in splits:
                splits[state] = best_split(table, np.flatnonzero(possible[game]))
            guesses[game, turn] = splits[state]
        answer = table[guesses[:, turn], secrets]
        possible &= table[guesses[:, turn]] == answer[:, None]
    return secrets, guesses, policies


def best_split(table: np.ndarray, possible: np.ndarray) -> int:
    """The word of the possible ones after which the fewest are left, on average over secrets."""
    counts = [np.square(np.bincount(table[word, possible])).sum() for word in possible]
    return int(possible[np.argmin(counts)])


def make_data(noise: float, seed: int) -> Data:
    """The games as arrays by game: letters and colours [GAMES, 6, 5], rewards, discounts and
    whether a guess was played [GAMES, 6].

    ``noise``: width of the uniform noise, from 0, on each reward; ``seed``: that of the noise.
    """
    secrets, guesses, _ = played_games()
    right = guesses == secrets[:, None]
    played = np.cumsum(right, axis=1) - right == 0
    over = right | (np.arange(GUESSES) == GUESSES - 1)
    uniform = noise * np.random.default_rng([DATA_SEED, seed]).random(right.shape)
    letters = words()[guesses]
    return {
        "letters": jnp.asarray(letters, jnp.int32),
        "colours": colours(letters, words()[secrets][:, None]).astype(jnp.int32),
        "rewards": jnp.asarray(np.where(right, 0.0, -1.0) + uniform, jnp.float32),
        "discounts": jnp.asarray(np.where(over, 0.0, DISCOUNT), jnp.float32),
        "played": jnp.asarray(played),
    }


def make_network(width: int, bins: int) -> hk.Transformed:
    """The network: letters and colours [B, 6, 5] -> outputs [B, 30, 26, bins].

    With ``at``, the index of a token, only its outputs are computed: [B, 1, 26, bins].
    """

    def forward(letters: jax.Array, colours: jax.Array, at: jax.Array | None = None) -> jax.Array:
        coloured = LETTERS * (3 * np.arange(LENGTH) + colours) + letters  # letter, colour and place
        answers = hk.Embed(3 * LETTERS * LENGTH, width, name="answer")(coloured).sum(axis=2)
        answers = jnp.pad(answers[:, :-1], ((0, 0), (1, 0), (0, 0)))
        singles = hk.Embed(LETTERS, width, name="letter")(letters[:, :, :-1])
        tokens = jnp.concatenate((answers[:, :, None], singles), axis=2)
        tokens += hk.Embed(LENGTH, width, name="place")(np.arange(LENGTH))
        tokens += hk.Embed(GUESSES, width, name="guess")(np.arange(GUESSES))[:, None]
        tokens = tokens.reshape(len(tokens), GUESSES * LENGTH, width)
        outputs = decode(tokens, width, LAYERS, LETTERS * bins, at)
        return outputs.reshape(*outputs.shape[:2], LETTERS, bins)

    return hk.without_apply_rng(hk.transform(forward))


def bellman_loss(
    by_return: ReturnLoss, outputs: jax.Array, target_outputs: jax.Array, batch: Data
) -> jax.Array:
    """outputs, target_outputs [B, 30, 26, bins] -> the loss of each letter [B, 30].

    The target of a letter is the target network's value of the best next letter; that of a guess's
    last letter is the reward + discount * the value of the next guess's best first letter. To this
    the regularizer is added, log sum_a exp Q(a) - Q(letter), in units of returns: CQL(H), equation
    4 of Kumar et al. 2020 (arXiv 2006.04779).
    """
    letters = batch["letters"].reshape(len(outputs), -1)
    best = greedy(by_return.predict(target_outputs), target_outputs)
    following = jnp.roll(best, -1, axis=1)  # after the last token, the discount is 0
    last = np.arange(GUESSES * LENGTH) % LENGTH == LENGTH - 1
    rewards = jnp.where(last, jnp.repeat(batch["rewards"], LENGTH, axis=1), 0.0)
    discounts = jnp.where(last, jnp.repeat(batch["discounts"], LENGTH, axis=1), 1.0)
    bellman = by_return.bellman_loss(at_action(outputs, letters), rewards, discounts, following)
    if "squared-error" in by_return.name:
        bellman *= (by_return.high - by_return.low) ** 2  # in units of returns
    values = by_return.predict(outputs)
    chosen = jnp.take_along_axis(values, letters[..., None], axis=-1)[..., 0]
    return bellman + CONSERVATIVE * (jax.nn.logsumexp(values, axis=-1) - chosen)


def train(cell: Cell, report) -> Figures:
    """Train a cell. Figures: `score`, the share of the secrets that are found in six guesses, and
    `guesses`, the mean number of guesses, 7 for a secret that is not found."""
    refuse_absent(cell, OWN)
    by_return = return_loss(cell)
    network = make_network(WIDTH * cell.width, by_return.bins)
    data = make_data(cell.noise, cell.seed)
    params = jax.jit(network.init)(
        jax.random.key(cell.seed), data["letters"][:1], data["colours"][:1]
    )

    def loss(params: hk.Params, target: hk.Params, batch: Data) -> jax.Array:
        inputs = batch["letters"], batch["colours"]
        outputs, next_outputs = network.apply(params, *inputs), network.apply(target, *inputs)
        losses = bellman_loss(by_return, outputs, next_outputs, batch)
        played = jnp.repeat(batch["played"], LENGTH, axis=1)
        return jnp.where(played, losses, 0.0).sum() / played.sum()

    @jax.jit
    def evaluate(params: hk.Params) -> dict[str, jax.Array]:
        letters = play(network, by_return, params, jnp.asarray(words(), jnp.int32))
        return results(letters, words())

    return learn(cell, SETTINGS, params, data, loss, evaluate, report)


def return_loss(cell: Cell) -> ReturnLoss:
    """The loss. Returns are from -6 to 0, with noise above; half a guess at both ends is a margin
    for HL-Gauss, whose targets would be truncated there."""
    return ReturnLoss(cell.loss, -GUESSES - 0.5, 0.5 + cell.noise, BINS, cell.sigma_bins)


def play(
    network: hk.Transformed, by_return: ReturnLoss, params: hk.Params, secrets: jax.Array
) -> jax.Array:
    """Guess the secrets [N, 5] by the letters of the highest values; returns all six guesses
    [N, 6, 5]."""

    def choose(letters: jax.Array, token: jax.Array):
        clues = colours(letters, secrets[:, None])  # only those of finished guesses are seen
        values = by_return.predict(network.apply(params, letters, clues, token))[:, 0]
        guess, place = token // LENGTH, token % LENGTH
        return letters.at[:, guess, place].set(values.argmax(axis=-1)), None

    letters = jnp.zeros((len(secrets), GUESSES, LENGTH), jnp.int32)
    return jax.lax.scan(choose, letters, jnp.arange(GUESSES * LENGTH))[0]


def results(letters: Array, secrets: Array) -> dict[str, jax.Array]:
    """Figures of games with guesses [N, 6, 5] at secrets [N, 5]."""
    right = (letters == secrets[:, None]).all(axis=-1)
    found = right.any(axis=-1)
    guesses = jnp.where(found, right.argmax(axis=-1) + 1, GUESSES + 1)
    return {"score": found.mean(), "guesses": guesses.mean()}


if __name__ == "__main__":
    run(train, Cell(example="wordle"))
