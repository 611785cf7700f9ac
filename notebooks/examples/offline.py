"""What the two offline examples share: a small decoder-only Transformer, and Q-learning from a
fixed set of data with a target network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax

from engine.study.table import Figures
from model.config import SequenceConfig
from model.network.sequence_transformer import Attention, feed_forward, layer_norm
from notebooks.examples.cells import CURVE_POINTS, FINAL, Cell, curve

Data = Mapping[str, jax.Array]
"""Arrays with one row for each example."""
Loss = Callable[[hk.Params, hk.Params, Data], jax.Array]
"""(parameters, those of the target network, a batch) -> the mean loss of the batch, a scalar."""
OWN = ("width", "noise", "target_period")
"""Settings of a cell that the offline examples have and others may lack."""


def decode(
    x: jax.Array, width: int, layers: int, outputs: int, at: jax.Array | None = None
) -> jax.Array:
    """Embedded tokens [B, T, width] -> outputs [B, T, outputs]; call it inside `hk.transform`.

    A token attends to itself and to earlier tokens. The layers are those of Ruoss et al. 2024, as
    in `model.network.sequence_transformer`. Outputs are 0 initially, so that all losses start with
    values in the middle. ``at``: an index of the one token whose outputs are computed, T = 1.
    """
    config = SequenceConfig(width=width, layers=layers, heads=4, widening=2)
    mask = np.tri(x.shape[1], dtype=bool)
    for _ in range(layers):
        memory = layer_norm(x)
        x = x + Attention(config)(memory, memory, mask)
        x = x + feed_forward(config, layer_norm(x))
    if at is not None:
        x = jax.lax.dynamic_slice_in_dim(x, at, 1, axis=1)
    return hk.Linear(outputs, w_init=jnp.zeros)(layer_norm(x))


@dataclass(frozen=True)
class Offline:
    """Settings of the training of an example."""

    updates: int
    batch_size: int
    learning_rate: float
    """Of Adam, constant after `WARMUP` updates."""
    target_period: int
    """Updates between copies to the target network."""


WARMUP = 100
"""Updates in which the learning rate rises from 0."""


def learn(
    cell: Cell,
    settings: Offline,
    params: hk.Params,
    data: Data,
    loss: Loss,
    evaluate: Callable[[hk.Params], Mapping[str, Any]],
    report: Callable[[float], None],
) -> Figures:
    """Train on random batches of the data; returns the figures.

    ``evaluate``: a jitted function of the parameters that returns figures by name, with `score`
    among them. It is called `CURVE_POINTS` times during the training. Each figure is the mean of
    the last `FINAL` evaluations.
    """
    each = max(1, round(settings.updates * cell.scale / CURVE_POINTS))
    period = cell.target_period or settings.target_period
    rate = settings.learning_rate * cell.learning_rate
    optimizer = optax.adam(optax.linear_schedule(rate / WARMUP, rate, WARMUP))
    rows = len(next(iter(data.values())))

    def update(carry: tuple[Any, Any, Any], inputs, data: Data):
        params, target, state = carry
        step, key = inputs
        copy = step % period == 0
        target = jax.tree.map(lambda old, new: jnp.where(copy, new, old), target, params)
        chosen = jax.random.randint(key, (settings.batch_size,), 0, rows)
        batch = {name: array[chosen] for name, array in data.items()}
        changes, state = optimizer.update(jax.grad(loss)(params, target, batch), state)
        return (optax.apply_updates(params, changes), target, state), None

    @jax.jit
    def updates(carry, number: jax.Array, data: Data):
        steps = number * each + jnp.arange(each)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(cell.seed), number), each)
        return jax.lax.scan(lambda c, i: update(c, i, data), carry, (steps, keys))[0]

    carry = (params, params, optimizer.init(params))
    evaluations = []
    for number in range(CURVE_POINTS):
        carry = updates(carry, jnp.asarray(number), data)
        evaluations.append({name: float(x) for name, x in evaluate(carry[0]).items()})
        report((number + 1) / CURVE_POINTS)
    final: Figures = {
        name: float(np.mean([row[name] for row in evaluations[-FINAL:]])) for name in evaluations[0]
    }
    return final | curve([row["score"] for row in evaluations])


def greedy(values: jax.Array, outputs: jax.Array) -> jax.Array:
    """values [..., A] of A actions, outputs [..., A, bins] -> [..., bins], the best action's."""
    return at_action(outputs, values.argmax(axis=-1))


def at_action(outputs: jax.Array, actions: jax.Array) -> jax.Array:
    """outputs [..., A, bins], actions [...] int -> [..., bins]"""
    return jnp.take_along_axis(outputs, actions[..., None, None], axis=-2)[..., 0, :]
