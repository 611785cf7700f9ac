"""One cell of a study: a short training run of a `board` network with any value loss.

Only the value of each move is learned, without the ranking term and the state's value, so that
losses are compared by themselves. The optimizer, the data and its order are those of every run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from data_pipeline.batches import Batch, Inputs
from data_pipeline.loader import training_batches
from model.config import BoardConfig, OptimizerConfig
from model.layouts import init_params, transformed
from model.network import Network
from model.study import Cell
from model.training import make_optimizer
from model.value_losses import Array, LossName, value_loss

MAX_MOVES = 64


def train_cell(
    cell: Cell, encoded: Sequence[bytes], progress: Callable[[int], None] = lambda steps: None
) -> tuple[Network, float]:
    """Train on encoded records; the network, and the seconds it took without compiling."""
    replicated, by_position = shardings()
    init, update = compiled(
        cell.network, cell.loss, cell.sigma_bins, cell.learning_rate, cell.steps
    )
    params = init_params(cell.network, cell.seed)
    state = jax.device_put((params, init(params)), replicated)
    key = jax.device_put(jax.random.key(cell.seed), replicated)
    batches = training_batches(encoded, cell.batch_size, MAX_MOVES, cell.seed)
    lies = np.array([cell.noise, cell.flips], np.float32)
    start = 0.0
    for step in range(cell.steps):
        batch = jax.device_put(next(batches), by_position)
        state = update(state, batch, lies, key, np.array(step))
        if step % 10 == 0:
            jax.block_until_ready(state)
            progress(step)
        if step == 0:  # the first step compiles
            start = time.monotonic()
    params = jax.tree.map(np.asarray, jax.device_get(state[0]))
    seconds = time.monotonic() - start
    return Network(cell.network, params, f"study {cell.name}", training=asdict(cell)), seconds


@lru_cache(maxsize=64)
def compiled(
    network: BoardConfig, loss: LossName, sigma_bins: float, rate: float, steps: int
) -> tuple[Callable[[Any], Any], Callable[..., Any]]:
    """The optimizer's init, and (state, batch, lies, key, step) -> state; compiled once for all
    seeds and lies."""
    usual = OptimizerConfig()
    optimizer = partial(
        make_optimizer,
        replace(
            usual,
            muon_learning_rate=usual.muon_learning_rate * rate,
            adam_learning_rate=usual.adam_learning_rate * rate,
        ),
        steps,
    )
    apply, by_value = transformed(network).apply, value_loss(loss, sigma_bins)

    def loss_of(params: Any, inputs: Inputs, targets: jax.Array) -> jax.Array:
        per_move = by_value.loss(apply(params, inputs).moves, targets)
        return jnp.where(inputs.mask, per_move, 0.0).sum() / jnp.maximum(inputs.mask.sum(), 1)

    def update(state, batch: Batch, lies: Array, key: jax.Array, step: jax.Array):
        params, optimizer_state = state
        targets = with_lies(batch.win_probs, lies, jax.random.fold_in(key, step))
        gradients = jax.grad(loss_of)(params, batch.inputs, targets)
        changes, optimizer_state = optimizer(step).update(gradients, optimizer_state, params)
        return optax.apply_updates(params, changes), optimizer_state

    out = shardings()[0]
    return optimizer(np.array(0)).init, jax.jit(update, donate_argnums=0, out_shardings=out)


def shardings() -> tuple[NamedSharding, NamedSharding]:
    """Over all devices: the same on each, and by position."""
    mesh = jax.make_mesh((jax.local_device_count(),), ("data",), (AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))


def playable(network: Network, loss: LossName) -> Network:
    """The network as the engine reads networks, with the same choices of moves.

    The engine takes the mean of softmax(outputs) over the bins' centres. Of a scalar head, the mean
    m of the outputs is given to it as outputs 8 m z_k, whose softmax has a mean over the centres
    z_k that rises with m. All other losses' values rise with that mean already.
    """
    if loss != "squared-error":
        return network
    tilt = 8.0 * network.bins.centres.astype(np.float32)
    params = {module: dict(arrays) for module, arrays in network.params.items()}
    for name in ("move_head_out", "move_head_bias"):
        params["~"][name] = params["~"][name].mean(axis=-1, keepdims=True) * tilt
    return replace(network, params=params)


def with_lies(win_probs: Array, lies: Array, key: jax.Array) -> jax.Array:
    """Targets with noise: ``lies`` is the width of uniform noise, and the share of flips.

    Each move's by itself, and anew each time; what leaves [0, 1] is cut off. Both keep the order of
    the expected targets, so the best move stays the best, with less to tell it by.
    """
    width, share = lies
    for_noise, for_flips = jax.random.split(key)
    noise = width * (jax.random.uniform(for_noise, win_probs.shape) - 0.5)
    flipped = jax.random.uniform(for_flips, win_probs.shape) < share
    return jnp.clip(jnp.where(flipped, 1.0 - win_probs, win_probs) + noise, 0.0, 1.0)
