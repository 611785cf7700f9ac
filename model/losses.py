"""The loss: cross-entropy over bins, and a ranking of a position's moves."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

from model.config import LossConfig
from model.sequence import SequenceOutputs
from model.transformer import Outputs

Array = jax.Array | np.ndarray


def bin_centres(bins: int) -> jax.Array:
    """[K] win probabilities, as `data_pipeline.values.ValueBins.centres`."""
    return (jnp.arange(bins) + 0.5) / bins


def hl_gauss(win_probs: Array, bins: int, sigma_bins: float) -> jax.Array:
    """Win probabilities [...] -> target distributions [..., K].

    The same as `data_pipeline.targets.hl_gauss`, for use inside a compiled step.
    """
    edges = jnp.arange(bins + 1) - win_probs[..., None] * bins  # in bins from the value
    cdf = erf(edges / (sigma_bins * 2**0.5))
    return jnp.diff(cdf) / (cdf[..., -1:] - cdf[..., :1])


def one_hot(win_probs: Array, bins: int) -> jax.Array:
    """The same as `data_pipeline.targets.one_hot`: [...] -> [..., K]."""
    below = win_probs[..., None] > np.linspace(0.0, 1.0, bins + 1)[1:-1].astype(np.float32)
    return jax.nn.one_hot(below.sum(axis=-1), bins)


def two_hot(win_probs: Array, bins: int) -> jax.Array:
    """The same as `data_pipeline.targets.two_hot`: [...] -> [..., K]."""
    position = jnp.clip(win_probs * bins - 0.5, 0.0, bins - 1.0)
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[..., None] - jnp.arange(bins)))


def labels(config: LossConfig, win_probs: Array, bins: int) -> jax.Array:
    """Win probabilities [...] -> the distributions [..., K] to be learned."""
    if config.labels == "hl-gauss":
        return hl_gauss(win_probs, bins, config.sigma_bins)
    return (one_hot if config.labels == "one-hot" else two_hot)(win_probs, bins)


def cross_entropy(logits: Array, targets: Array) -> jax.Array:
    """Logits [..., K], distributions [..., K] -> [...] in nats."""
    return jax.nn.logsumexp(logits, axis=-1) - (logits * targets).sum(axis=-1)


def ranking(
    expected: Array,
    win_probs: Array,
    mask: Array,
    temperature: float,
) -> jax.Array:
    """Cross-entropy between the teacher's and the network's soft choice of a move, [B] in nats.

    expected, win_probs: [B, M] win probabilities of the side to move; mask: [B, M]. Both become
    choices by softmax(win probability / temperature) over the moves (ListNet, Cao et al. 2007).
    """
    barred = jnp.where(mask, 0.0, -1e9)
    teacher = jax.nn.softmax(win_probs / temperature + barred)
    choice = jax.nn.log_softmax(expected / temperature + barred)
    return -jnp.where(mask, teacher * choice, 0.0).sum(axis=-1)


def total_loss(
    config: LossConfig,
    outputs: Outputs | SequenceOutputs,
    win_probs: Array,
    mask: Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The loss of a batch and its parts, each a mean over the batch.

    win_probs: [B, M] the teacher's, mask: [B, M] where there is a move. The state's value is that
    of the best move. Sequences, each with a move of its own, have neither order nor state.
    """
    bins = outputs.moves.shape[-1]
    per_move = cross_entropy(outputs.moves, labels(config, win_probs, bins))
    values = jnp.where(mask, per_move, 0.0).sum() / jnp.maximum(mask.sum(), 1)
    if isinstance(outputs, SequenceOutputs):
        return values, {"loss": values}
    expected = jax.nn.softmax(outputs.moves) @ bin_centres(bins)
    order = ranking(expected, win_probs, mask, config.ranking_temperature).mean()
    best = jnp.where(mask, win_probs, 0.0).max(axis=-1)
    state = cross_entropy(outputs.state, labels(config, best, bins)).mean()
    total = values + config.ranking_weight * order + config.state_value_weight * state
    return total, {"loss": total, "values": values, "ranking": order, "state": state}
