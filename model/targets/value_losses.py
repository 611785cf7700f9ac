"""Losses for learning a scalar in [0, 1]: regression, and classification over K bins (pure JAX).

Nothing here depends on chess. A loss maps the K outputs of a network and the target, ``outputs:
[..., K]`` and ``targets: [...]`` in [0, 1], to ``[...]``. Each loss comes with the prediction that
belongs to it, ``[..., K] -> [...]``, the expected scalar. All losses take the same K outputs, so
that networks can be compared that differ in the loss alone. Targets in other ranges have to be
mapped to [0, 1] first.

The support of a distribution is the centres of K bins, z_k = (k + 1/2) / K. For C51 it is K atoms
that include both ends, z_k = k / (K - 1). With p = softmax(outputs), target y and sums over k:

====================== ==================================== ====================
name                   loss                                 prediction
====================== ==================================== ====================
squared-error          (v - y)^2                            v = 1/2 + mean of the outputs
softmax-squared-error  (v - y)^2                            v = sum p_k z_k
two-hot                -sum t_k log p_k, t on the two       v = sum p_k z_k
                       centres next to y
one-hot                -log p_k of the bin k that y is in   v = sum p_k z_k
hl-gauss               -sum t_k log p_k, t_k the mass of    v = sum p_k z_k
                       N(y, sigma^2) in bin k
c51                    -sum t_k log p_k, t the projection   v = sum p_k z_k, over the atoms
                       of a distribution on the atoms
====================== ==================================== ====================

With noisy targets, squared error and two-hot learn the conditional mean, one-hot and HL-Gauss learn
it to within a bin. Farebrother et al. 2024, "Stop Regressing", arXiv 2403.03950, section 3,
compares these losses; each function names its source.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

Array = jax.Array | np.ndarray
LossName = Literal[
    "squared-error", "softmax-squared-error", "two-hot", "one-hot", "hl-gauss", "c51"
]
LOSSES: tuple[LossName, ...] = get_args(LossName)


class ValueLoss(NamedTuple):
    """A loss, and the prediction that belongs to it."""

    loss: Callable[[Array, Array], jax.Array]
    """outputs [..., K], targets [...] in [0, 1] -> [...]"""
    predict: Callable[[Array], jax.Array]
    """outputs [..., K] -> the expected scalar [...]"""


def value_loss(name: LossName, sigma_bins: float = 0.75) -> ValueLoss:
    """A loss by name; ``sigma_bins`` is HL-Gauss's sigma in bin widths."""

    def classification(labels: Callable[[Array, int], jax.Array], support=bin_centres) -> ValueLoss:
        def loss(outputs: Array, targets: Array) -> jax.Array:
            return cross_entropy(outputs, labels(targets, outputs.shape[-1]))

        return ValueLoss(loss, lambda outputs: expectation(outputs, support(outputs.shape[-1])))

    match name:
        case "squared-error":
            return ValueLoss(squared_error(mean_output), mean_output)
        case "softmax-squared-error":
            return ValueLoss(squared_error(softmax_mean), softmax_mean)
        case "two-hot":
            return classification(two_hot)
        case "one-hot":
            return classification(one_hot)
        case "hl-gauss":
            return classification(lambda targets, bins: hl_gauss(targets, bins, sigma_bins))
        case "c51":
            return classification(two_atoms, atoms)


def bin_centres(bins: int) -> jax.Array:
    """[K]: centres of K bins of equal width over [0, 1]."""
    return (jnp.arange(bins) + 0.5) / bins


def atoms(count: int) -> jax.Array:
    """[K]: K evenly spaced points from 0 to 1, both included; the support of C51."""
    return jnp.arange(count) / (count - 1)


def expectation(logits: Array, support: Array) -> jax.Array:
    """Logits [..., K], support [K] -> the mean [...] of softmax(logits) over the support."""
    return jax.nn.softmax(logits) @ support


def softmax_mean(outputs: Array) -> jax.Array:
    """[..., K] -> [...]: the expectation over the bins' centres."""
    return expectation(outputs, bin_centres(outputs.shape[-1]))


def mean_output(outputs: Array) -> jax.Array:
    """[..., K] -> [...]: 1/2 + the mean of K outputs, as a scalar head.

    The mean of linear outputs is itself a linear output, so this is plain regression, no more
    expressive than a head of width 1; predictions may leave [0, 1]. With the 1/2 it starts at the
    middle, as `softmax_mean` does.
    """
    return 0.5 + outputs.mean(axis=-1)


def squared_error(predict: Callable[[Array], jax.Array]) -> Callable[[Array, Array], jax.Array]:
    """The loss (predict(outputs) - target)^2."""
    return lambda outputs, targets: jnp.square(predict(outputs) - targets)


def cross_entropy(logits: Array, targets: Array) -> jax.Array:
    """Logits [..., K], target distributions [..., K] -> cross-entropy [...] in nats."""
    return jax.nn.logsumexp(logits, axis=-1) - (logits * targets).sum(axis=-1)


def one_hot(values: Array, bins: int) -> jax.Array:
    """[...] -> [..., K]: all mass in the bin (k / K, (k + 1) / K] of the value; 0 is in the first.

    The mean of the distribution is within half a bin of the value.
    """
    below = values[..., None] > np.linspace(0.0, 1.0, bins + 1)[1:-1].astype(np.float32)
    return jax.nn.one_hot(below.sum(axis=-1), bins)


def two_hot(values: Array, bins: int) -> jax.Array:
    """[...] -> [..., K]: mass on the two nearest centres, so that the mean is exactly the value.

    t_k = max(0, 1 - |K y - 1/2 - k|). For values beyond the first and last centre, which no mean of
    centres can reach, all mass is on that centre. Schrittwieser et al. 2020 (MuZero), appendix F.
    """
    return _between(values * bins - 0.5, bins)


def hl_gauss(values: Array, bins: int, sigma_bins: float) -> jax.Array:
    """[...] in [0, 1] -> [..., K]: the mass of N(value, sigma^2) in each bin, renormalised to 1.

    t_k = (F(k / K + 1 / K) - F(k / K)) / (F(1) - F(0)), F the Gaussian's distribution function
    and sigma = ``sigma_bins`` / K. The mean equals the value to under 1 % of a bin, except within
    three sigma of 0 and 1, where truncation pulls it inwards. Imani & White 2018, "Improving
    Regression Performance with Distributional Losses"; Farebrother et al. 2024, section 3.1.
    """
    edges = jnp.arange(bins + 1) - values[..., None] * bins  # relative to the value, in bin widths
    cdf = erf(edges / (sigma_bins * 2**0.5))
    return jnp.diff(cdf) / (cdf[..., -1:] - cdf[..., :1])


def two_atoms(values: Array, count: int) -> jax.Array:
    """[...] -> [..., K]: projection of a point mass onto the atoms; the mean is the value."""
    return _between(values * (count - 1), count)


def project(values: Array, probabilities: Array, count: int) -> jax.Array:
    """Mass ``probabilities: [..., N]`` at ``values: [..., N]`` -> [..., K] on the atoms.

    The projection of C51 (Bellemare, Dabney & Munos 2017, equation 7): mass between two atoms is
    split between them in proportion to nearness, which preserves the mean; mass outside [0, 1] goes
    to the nearest end.
    """
    return (two_atoms(values, count) * probabilities[..., None]).sum(axis=-2)


def bellman_target(distributions: Array, rewards: Array, discounts: Array) -> jax.Array:
    """The distribution of reward + discount * Z, projected onto the atoms: the target of C51.

    distributions: [..., K], of Z over the atoms; rewards, discounts: [...] -> [..., K]. A discount
    of 0 ends the episode. In a two-player game where Z is the opponent's expected result, ours is
    1 - Z: reward 1 and discount -1.
    """
    count = distributions.shape[-1]
    values = rewards[..., None] + discounts[..., None] * atoms(count)
    return project(values, distributions, count)


def _between(positions: Array, count: int) -> jax.Array:
    """Positions [...] in units of the spacing of ``count`` points -> [..., K]: mass on the two
    nearest points."""
    positions = jnp.clip(positions, 0.0, count - 1.0)
    return jnp.maximum(0.0, 1.0 - jnp.abs(positions[..., None] - jnp.arange(count)))
