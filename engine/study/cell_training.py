"""The training of one cell of a study: a `model.training.loop.Training` with any value loss.

Only the values of moves are learned, without the ranking loss and the position's value, so that the
comparison is about the loss alone. Optimizer, data and their order are as in every training.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.board_batches import Batch
from data_pipeline.batches.loader import Stream, training_batches
from engine.study.grid import Cell
from model.config import OptimizerConfig
from model.network.architecture import init_params, transformed
from model.network.network_file import Network
from model.targets.value_losses import Array, LossName, value_loss
from model.training.checkpoints import Checkpoints, resume_or_clear
from model.training.loop import Training, as_numpy, jit_update
from model.training.optimizer import MakeOptimizer, Progress, make_optimizer
from model.training.runtime import on_host
from model.training.step import Parts, TrainState, init_state, make_update

MAX_MOVES = 64
SAVE_SECONDS = 60
"""Seconds between checkpoints of a cell, from which it is resumed if it was stopped."""
REPORT_STEPS = 10
"""Steps between progress reports."""


@dataclass(frozen=True)
class Learning:
    """The batches and the update of a cell; see `model.training.loop.Training`."""

    batches: Stream[Any]
    update: jax.stages.Wrapped
    constants: Sequence[Any] = ()


def train_cell(
    cell: Cell, learning: Learning, report: Callable[[int], None], workdir: Path
) -> tuple[Network, float]:
    """Train to the end; returns the network and the seconds of training, without compilation.

    ``report`` gets the number of steps done. Checkpoints are in ``workdir``, from which a stopped
    cell is resumed as if it had not been stopped; the caller deletes it.
    """
    with on_host():
        state = init_state(init_params(cell.network, cell.seed), optimizer_of(cell))
    training = Training(
        learning.update,
        state,
        learning.batches,
        steps=cell.steps,
        wait_every=REPORT_STEPS,
        constants=learning.constants,
    )
    resume = resume_or_clear(workdir)
    config = asdict(cell) | {"network": asdict(cell.network)}
    with Checkpoints(workdir, config, resume, defaults={}) as checkpoints:
        if resume:
            training.restore(checkpoints)
        saved = time.monotonic()
        for _ in training.run():
            if training.step % REPORT_STEPS == 0:
                report(training.step)
                if time.monotonic() - saved > SAVE_SECONDS:
                    training.save(checkpoints)
                    saved = time.monotonic()
    params = as_numpy(training.state.params)
    network = Network(cell.network, params, f"study {cell.name}", training=asdict(cell))
    return network, training.seconds


def optimizer_of(cell: Cell) -> MakeOptimizer:
    """The usual optimizer, with its learning rates multiplied by the cell's factor."""
    usual, rate = OptimizerConfig(), cell.learning_rate
    rates = {
        "muon_learning_rate": usual.muon_learning_rate * rate,
        "adam_learning_rate": usual.adam_learning_rate * rate,
    }
    return partial(make_optimizer, replace(usual, **rates), cell.steps)


def from_teacher(cell: Cell, encoded: Sequence[bytes]) -> Learning:
    """How a cell learns from a teacher's values of the moves of encoded records."""
    batches = training_batches(encoded, cell.batch_size, cell.seed, BatchOptions(MAX_MOVES))
    noise = np.array([cell.noise, cell.flips], np.float32)
    update = _noisy_update(replace(cell, seed=0, noise=0.0, flips=0.0))
    return Learning(batches, update, (noise, jax.random.key(cell.seed)))


@lru_cache(maxsize=64)
def _noisy_update(cell: Cell) -> jax.stages.Wrapped:
    """(state, batch, progress, noise, key) -> (state, parts), compiled once for all seeds and
    levels of noise."""
    apply, by_value = transformed(cell.network).apply, value_loss(cell.loss, cell.sigma_bins)

    def loss_of(params: Any, batch: Batch) -> tuple[jax.Array, Parts]:
        mask = batch.inputs.mask
        per_move = by_value.loss(apply(params, batch.inputs).moves, batch.targets)
        loss = jnp.where(mask, per_move, 0.0).sum() / jnp.maximum(mask.sum(), 1)
        return loss, {"loss": loss, "action_values": mask.sum()}

    update = make_update(loss_of, optimizer_of(cell))

    def noisy(state: TrainState, batch: Batch, progress: Progress, noise: Array, key: jax.Array):
        targets = with_label_noise(batch.targets, noise, jax.random.fold_in(key, state.step))
        return update(state, batch._replace(targets=targets), progress)

    return jit_update(noisy)


def with_label_noise(win_probs: Array, noise: Array, key: jax.Array) -> jax.Array:
    """Targets with noise. ``noise``: the width of the uniform noise, and the share of flips.

    Independent for each move, and clipped to [0, 1]. The order of the expected targets does not
    change: the best move stays the best, by a smaller margin.
    """
    width, share = noise
    for_noise, for_flips = jax.random.split(key)
    uniform = width * (jax.random.uniform(for_noise, win_probs.shape) - 0.5)
    flipped = jax.random.uniform(for_flips, win_probs.shape) < share
    return jnp.clip(jnp.where(flipped, 1.0 - win_probs, win_probs) + uniform, 0.0, 1.0)


def playable(network: Network, loss: LossName) -> Network:
    """The network in the form that the engine plays, with the same choice of moves.

    The engine takes the mean of softmax(outputs) over the bins' centres z_k. A scalar head, with
    mean output m, becomes one with outputs 8 m z_k: the mean of their softmax over the centres
    rises with m. For all other losses, values already rise with that mean.
    """
    if loss != "squared-error":
        return network
    tilt = 8.0 * network.bins.centres.astype(np.float32)
    params = {module: dict(arrays) for module, arrays in network.params.items()}
    for name in ("move_head_out", "move_head_bias"):
        params["~"][name] = params["~"][name].mean(axis=-1, keepdims=True) * tilt
    return replace(network, params=params)
