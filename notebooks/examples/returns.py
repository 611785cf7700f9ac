"""The losses of `model.targets.value_losses` for returns, which are not between 0 and 1."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from model.targets.value_losses import (
    Array,
    LossName,
    ValueLoss,
    bellman_target,
    cross_entropy,
    value_loss,
)


@dataclass(frozen=True)
class ReturnLoss:
    """A loss by name for returns between ``low`` and ``high``, with ``bins`` outputs a value.

    Returns are mapped to [0, 1] in proportion. Except in squared error, where nothing bounds them,
    returns outside the range count as its ends.
    """

    name: LossName
    low: float
    high: float
    bins: int = 51
    """Outputs of the network for each value, as many as C51 has (Bellemare et al. 2017)."""
    sigma_bins: float = 0.75
    """Sigma of HL-Gauss in bin widths."""

    @property
    def _unit(self) -> ValueLoss:
        return value_loss(self.name, self.sigma_bins)

    def predict(self, outputs: Array) -> jax.Array:
        """outputs [..., bins] -> the expected return [...]"""
        return self.low + (self.high - self.low) * self._unit.predict(outputs)

    def loss(self, outputs: Array, returns: Array) -> jax.Array:
        """outputs [..., bins], returns [...] -> [...]"""
        targets = (returns - self.low) / (self.high - self.low)
        if self.name != "squared-error":
            targets = jnp.clip(targets, 0.0, 1.0)
        return self._unit.loss(outputs, targets)

    def bellman_loss(
        self, outputs: Array, rewards: Array, discounts: Array, next_outputs: Array
    ) -> jax.Array:
        """The loss of one step of Q-learning: outputs and next_outputs [..., bins], rewards and
        discounts [...] -> [...].

        The target is reward + discount * (the value of ``next_outputs``), without a gradient; for
        C51 it is that of the whole distribution. ``next_outputs`` are the target network's for the
        action that it would choose; a discount of 0 ends the episode.
        """
        next_outputs = jax.lax.stop_gradient(next_outputs)
        if self.name != "c51":
            return self.loss(outputs, rewards + discounts * self.predict(next_outputs))
        rewards = (rewards + (discounts - 1) * self.low) / (self.high - self.low)
        target = bellman_target(jax.nn.softmax(next_outputs), rewards, discounts)
        return cross_entropy(outputs, target)
