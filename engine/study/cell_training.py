"""One cell of a study: a short training run of a `board` network with any value loss.

Only the value of each move is learned, without the ranking term and the state's value, so that
losses are compared by themselves. The optimizer, the data and its order are those of every run.
"""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.board_batches import Batch, Inputs
from data_pipeline.batches.loader import training_batches
from data_pipeline.common.errors import InputError
from data_pipeline.common.files import write_atomically
from engine.study.grid import Cell
from model.config import BoardConfig, OptimizerConfig
from model.network.architecture import init_params, transformed
from model.network.network_file import Network
from model.targets.value_losses import Array, LossName, value_loss
from model.training.optimizer import MakeOptimizer, make_optimizer
from model.training.runtime import shardings

MAX_MOVES = 64
SAVE_SECONDS = 60
"""How often the state of a cell is written, from which it goes on if it is stopped."""

Progress = Callable[[int], None]
"""Takes the steps that are done."""


def train_cell(
    cell: Cell, encoded: Sequence[bytes], progress: Progress, unfinished: Path
) -> tuple[Network, float]:
    """Train on encoded records; the network, and the seconds it took without compiling.

    ``unfinished``: see `take_steps`.
    """
    optimizer, update = compiled(
        cell.network, cell.loss, cell.sigma_bins, cell.learning_rate, cell.steps
    )
    replicated = shardings()[0]
    params = init_params(cell.network, cell.seed)
    state = jax.device_put((params, optimizer.init(params)), replicated)
    key = jax.device_put(jax.random.key(cell.seed), replicated)
    lies = np.array([cell.noise, cell.flips], np.float32)
    batches = training_batches(encoded, cell.batch_size, cell.seed, BatchOptions(MAX_MOVES))
    state, seconds = take_steps(
        lambda state, batch, step: update(state, batch, lies, key, step),
        state,
        batches,
        cell.steps,
        progress,
        unfinished,
    )
    return trained(cell, state[0]), seconds


def take_steps(
    update: Callable[[Any, Any, np.ndarray], Any],
    state: Any,
    batches: Iterator,
    steps: int,
    progress: Progress,
    unfinished: Path,
) -> tuple[Any, float]:
    """The state after so many steps, and the seconds they took but for the first, which compiles.

    update: (state, batch, step) -> state. From ``unfinished``, a file that is written on the way, a
    run that was stopped goes on as if it had not been; it is left to the caller to delete.
    """
    by_position = shardings()[1]
    first, before, state = _read_state(unfinished, state)
    for _ in range(first):
        next(batches)
    start = written = time.monotonic()
    for step in range(first, steps):
        batch = jax.device_put(next(batches), by_position)
        state = update(state, batch, np.array(step))
        if step == first:
            jax.block_until_ready(state)
            start = time.monotonic()
        if step % 10 == 0:
            jax.block_until_ready(state)
            progress(step)
            now = time.monotonic()
            if now - written > SAVE_SECONDS:
                _write_state(unfinished, step + 1, before + now - start, state)
                written = now
    jax.block_until_ready(state)
    return state, before + time.monotonic() - start


def _write_state(path: Path, steps: int, seconds: float, state: Any) -> None:
    file = io.BytesIO()
    leaves = jax.tree.leaves(jax.device_get(state))
    np.savez(file, *leaves, steps=np.array(steps), seconds=np.array(seconds))
    write_atomically(path, file.getvalue())


def _read_state(path: Path, start: Any) -> tuple[int, float, Any]:
    """Steps, seconds and state as `_write_state` wrote them; ``start`` where it has not."""
    if not path.exists():
        return 0, 0.0, start
    with np.load(path) as file:
        arrays = dict(file)
    steps, seconds = int(arrays.pop("steps")), float(arrays.pop("seconds"))
    leaves, structure = jax.tree.flatten(start)
    if [array.shape for array in arrays.values()] != [leaf.shape for leaf in leaves]:
        raise InputError(
            f"expected the state of a network and optimizer of this version in {path}, found "
            "another; delete it to train its cell from the start"
        )
    state = jax.tree.unflatten(structure, arrays.values())
    return steps, seconds, jax.device_put(state, shardings()[0])


def trained(cell: Cell, params: Any) -> Network:
    """The network of a cell, with the cell as its training record."""
    arrays = jax.tree.map(np.asarray, jax.device_get(params))
    return Network(cell.network, arrays, f"study {cell.name}", training=asdict(cell))


def optimizer_of(rate: float, steps: int) -> MakeOptimizer:
    """That of every run, with its learning rates multiplied."""
    usual = OptimizerConfig()
    rates = {
        "muon_learning_rate": usual.muon_learning_rate * rate,
        "adam_learning_rate": usual.adam_learning_rate * rate,
    }
    return partial(make_optimizer, replace(usual, **rates), steps)


@lru_cache(maxsize=64)
def compiled(
    network: BoardConfig, loss: LossName, sigma_bins: float, rate: float, steps: int
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """The optimizer, and (state, batch, lies, key, step) -> state; compiled once for all seeds and
    lies."""
    optimizer = optimizer_of(rate, steps)
    apply, by_value = transformed(network).apply, value_loss(loss, sigma_bins)

    def loss_of(params: Any, inputs: Inputs, targets: jax.Array) -> jax.Array:
        per_move = by_value.loss(apply(params, inputs).moves, targets)
        return jnp.where(inputs.mask, per_move, 0.0).sum() / jnp.maximum(inputs.mask.sum(), 1)

    def update(state, batch: Batch, lies: Array, key: jax.Array, step: jax.Array):
        params, optimizer_state = state
        targets = with_lies(batch.targets, lies, jax.random.fold_in(key, step))
        gradients = jax.grad(loss_of)(params, batch.inputs, targets)
        changes, optimizer_state = optimizer(step).update(gradients, optimizer_state, params)
        return optax.apply_updates(params, changes), optimizer_state

    out = shardings()[0]
    return optimizer(np.array(0)), jax.jit(update, donate_argnums=0, out_shardings=out)


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
