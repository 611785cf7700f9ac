"""Online deep Q-learning of one game, with a soft mixture of experts in the network.

    python -m notebooks.examples.soft_moe --loss hl-gauss --experts 4 --seed 0

Farebrother et al. 2024 (arXiv 2403.03950, section 4.2.1) train DQN on Atari with the networks of
Obando-Ceron et al. 2024 ("Mixtures of experts unlock parameter scaling for deep RL", arXiv
2402.08609), and HL-Gauss makes better use of more experts than squared error. Here the games are
those of `minatar.GAMES`.
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

SETTINGS = Settings(steps=300_000)
CHANNELS, TOKENS = 32, 16
EXPERT = 128
"""Hidden units of an expert, as many as the penultimate layer of MinAtar's network has."""


def train(cell: Cell, report: Callable[[float], None]) -> Figures:
    """Train a cell. Figures: the mean `return` of an episode, and `score`, the
    `minatar.normalised` one."""
    refuse_absent(cell, ("game", "experts", "noise", "target_period", "updates"))
    if cell.game not in GAMES:
        raise InputError(f"expected a game ({', '.join(GAMES)}), found {cell.game!r}; set --game")
    if not 1 <= cell.experts <= TOKENS:
        raise InputError(f"expected 1 to {TOKENS} experts, found {cell.experts}; set --experts")
    returns = train_agent(agent_of(replace(cell, seed=0)), cell.seed, report)
    scores = normalised(returns, (cell.game,))[:, 0]
    figures = {"score": final_score(scores), "return": final_score(returns)[0]}
    return {name: float(x) for name, x in figures.items()} | curve(scores.tolist())


@lru_cache(maxsize=4)
def agent_of(cell: Cell) -> Agent:
    """The agent of a cell with seed 0, compiled once for all seeds."""
    network, names = partial(soft_moe_network, experts=cell.experts), (cell.game,)
    return Agent(names, network, SETTINGS.of(cell), return_loss(cell, names), cell.noise)


def soft_moe_network(observations: Array, games: Array, outputs: int, experts: int) -> jax.Array:
    """A `dqn.Network` for one game: two convolutions, the mixture and the output layer.

    The 4 x 4 places of the second convolution are the tokens (PerConv of Obando-Ceron et al.); with
    its 3 x 3 filters a token sees 8 x 8 of the 10 x 10 cells. (With one convolution, whose tokens
    see 4 x 4, returns in breakout stayed at 6.) The mixture is added to its tokens, as in the
    Transformers of Puigcerver et al. 2024.
    """
    seen = jax.nn.relu(hk.Linear(CHANNELS)(patches(observations, size=4, stride=2)))
    seen = jnp.pad(seen.reshape(-1, 4, 4, CHANNELS), [(0, 0), (1, 1), (1, 1), (0, 0)])
    tokens = jax.nn.relu(hk.Linear(CHANNELS)(patches(seen, size=3, stride=1)))
    mixed = tokens + soft_moe(tokens, experts)
    return hk.Linear(outputs, w_init=jnp.zeros)(mixed.reshape(len(mixed), -1))


def soft_moe(tokens: jax.Array, experts: int) -> jax.Array:
    """Tokens [B, T, d] -> [B, T, d]: Puigcerver et al. 2024 ("From sparse to soft mixtures of
    experts", arXiv 2308.00951), section 2.1.

    Each expert, an MLP with one hidden layer, has T / experts slots (rounded up). A slot's input is
    a mean of the tokens, and a new token is a mean of the slots' outputs. Work hardly depends on
    the number of experts; parameters grow with it.
    """
    batch, count, width = tokens.shape
    slots = -(-count // experts)
    by_width, by_hidden = (hk.initializers.TruncatedNormal(n**-0.5) for n in (width, EXPERT))
    logits = tokens @ hk.get_parameter("slots", (width, experts * slots), init=by_width)
    dispatch, combine = mixture_weights(logits)
    inputs = jnp.einsum("btd,bts->bsd", tokens, dispatch)
    inputs = inputs.reshape(batch, experts, slots, width).transpose(1, 0, 2, 3)
    first = hk.get_parameter("first", (experts, width, EXPERT), init=by_width)
    second = hk.get_parameter("second", (experts, EXPERT, width), init=by_hidden)
    found = jax.nn.relu(inputs.reshape(experts, -1, width) @ first) @ second
    found = found.reshape(experts, batch, slots, width).transpose(1, 0, 2, 3)
    return jnp.einsum("bsd,bts->btd", found.reshape(batch, -1, width), combine)


def mixture_weights(logits: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Logits [B, T, slots] -> the weights of the tokens in each slot's input, and of the slots in
    each new token, [B, T, slots]."""
    return jax.nn.softmax(logits, axis=1), jax.nn.softmax(logits, axis=2)


if __name__ == "__main__":
    run(train, Cell(example="soft-moe", game="breakout"))
