"""The training loop: data, steps, logs, evaluation, checkpoints, resuming."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from data_pipeline.batches.batch import Batches, BatchOptions
from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.dataset.dataset import Dataset
from model.config import (
    BoardConfig,
    LossConfig,
    NetworkConfig,
    OptimizerConfig,
    TrainConfig,
    TrainingDtype,
)
from model.evaluation.evaluate import first_scored, measure, summary
from model.inference.predictor import Predictor
from model.network.architecture import inputs_of
from model.network.network_file import Network, Params, own_run, save_network
from model.targets import TARGETS
from model.targets.target import BatchSource
from model.training.checkpoints import Checkpoints, Position, all_finite
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.run_log import Counts, RunLog
from model.training.runtime import on_host, shardings
from model.training.step import Parts, TrainState, init_state, make_update, moving_average
from model.training.warm_start import first_params

NETWORK_FILE = "network.safetensors"
EVALUATED = ("agreement", "regret", "kendall_tau_b", "log_loss", "squared_error")


def train(
    config: TrainConfig,
    data: Dataset | Bag,
    out: Path,
    *,
    resume: bool,
    evaluation: Dataset | None = None,
    start: Network | None = None,
    processes: int = 0,
) -> Network:
    """Train to the end and write ``out/network.safetensors``; returns the averaged network.

    The file is written with every checkpoint, so that a run that is cut off leaves a network.

    The initial weights are random, or those of ``start`` (see `warm_start`). The network is
    evaluated on the scored moves of ``evaluation``, or of ``data`` by default, if there are any.
    ``processes`` prepare the batches; 0: a thread does.
    ``metrics.jsonl``, TensorBoard files and ``checkpoints`` are also written to ``out``.

    With ``resume``, a run that was stopped or killed continues from its last checkpoint as if it
    had never stopped. If the number of steps or minutes has changed, the learning rate follows a
    schedule of the new length from there on.

    Raises InputError if data and configuration do not fit, if ``out`` holds another run or one that
    another process trains, if ``start`` does not fit, or if there is nothing to resume. Raises
    ArgmaxError if the training diverges.
    """
    _check(config, data)
    run = Run(config, data, evaluation, start, processes)
    training = run.training
    with ExitStack() as stack:
        stack.callback(training.batches.close)
        checkpoints = stack.enter_context(run.checkpoints(out, resume))
        if resume:
            training.restore(checkpoints)
        log = stack.enter_context(RunLog(out, config.steps, run.counts, training.share))
        if config.evaluation_positions and not run.evaluated:
            log.say("nothing is evaluated: there are no positions with scored moves to do it on")
        for number, parts in enumerate(training.run()):
            last = training.share >= 1
            if number == 0:
                log.say(f"compiled in {training.compile_seconds:.1f} s")
            if training.step % config.log_every == 0 or last:
                log.training(run.counts, training.share, jax.device_get(parts))
            if run.evaluated and (training.step % config.evaluate_every == 0 or last):
                training.check_finite()
                log.evaluation(run.counts, run.evaluate())
            if training.step % config.checkpoint_every == 0 or last:
                training.check_finite()
                save_network(run.network(), out / NETWORK_FILE)
                training.save(checkpoints)
        network = run.network()
        save_network(network, out / NETWORK_FILE)
    return network


def _check(config: TrainConfig, data: Dataset | Bag) -> None:
    if isinstance(data, Bag) and data.target != config.network.target:
        raise InputError(
            f"expected data of the target '{config.network.target}', found the target "
            f"'{data.target}' in {data.directory}"
        )
    if data.size("train") < config.batch_size:
        raise InputError(
            f"expected at least one batch of {config.batch_size} positions, found "
            f"{data.size('train')} in the split 'train' of {data.directory}"
        )
    devices = jax.local_device_count()
    if config.batch_size % devices:
        raise InputError(f"batch size {config.batch_size} must divide by {devices} devices")


def _scored(data: Dataset | Bag, config: TrainConfig) -> list[bytes]:
    """The records to evaluate on; an empty list if they have no scored moves."""
    if not data.size(config.evaluation_split):
        return []
    return first_scored(data.records(config.evaluation_split), config.evaluation_positions)


def _history(start: Network | None) -> dict[str, Any]:
    """The part of the training record about the network that training started from."""
    if start is None:
        return {}
    kept = ("steps", "positions_seen", "hours", "teacher", "data", "config")
    kept += ("average_shares", "averaged_with", "started_from")
    known = own_run(start.training)
    if "started_from" in start.training:
        known["started_from"] = start.training["started_from"]
    return {"started_from": {name: known[name] for name in kept if name in known}}


class Training:
    """A training in progress, with any loss: runs steps, measures their time, can be resumed.

    Compilation does not count as training time.
    """

    def __init__(
        self,
        update: jax.stages.Wrapped,
        state: TrainState,
        batches: Batches,
        *,
        steps: int | None = None,
        minutes: float | None = None,
        wait_every: int = 1,
        constants: Sequence[Any] = (),
    ) -> None:
        """``update``: (state, batch, progress, *constants) -> (state, figures), from `jit_update`.
        ``steps`` or ``minutes``: the length of the training. ``wait_every``: the number of steps
        after which `run` waits for the devices.
        """
        self._update = update
        self._constants = jax.device_put(tuple(constants), shardings()[0])
        self.state = jax.device_put(state, shardings()[0])
        self.batches = batches
        self.steps = steps
        self.length: float = steps or 60 * (minutes or 0)
        self.budget = steps or f"{minutes:g} minutes"
        self.schedule = [(0, self.budget)]
        self.step = 0
        self.seconds = 0.0
        self.compile_seconds = 0.0
        self._wait_every = wait_every
        self._finite_step = 0
        self._action_values = 0
        self._uncounted: list[jax.Array] = []

    @property
    def share(self) -> float:
        """The share of the training that is done, from 0 to 1."""
        return min(1.0, float(self._progress) / self.length)

    @property
    def _progress(self) -> np.ndarray:
        return np.array(self.step) if self.steps else np.array(self.seconds, np.float32)

    def run(self) -> Iterator[Parts]:
        """Run the steps to the end; yields the loss and its parts after each.

        Steps are dispatched asynchronously, so that devices do not wait for the host; at most two
        are in flight. Every ``wait_every`` steps, and at the end, this waits for the last step, so
        that times are exact, and raises ArgmaxError if the training has diverged.
        """
        by_position = shardings()[1]
        update = previous = None
        while self.share < 1:
            start = time.monotonic()
            batch = jax.device_put(next(self.batches), by_position)
            arguments = self.state, batch, self._progress, *self._constants
            if update is None:
                update = self._update.lower(*arguments).compile()
                self.compile_seconds = time.monotonic() - start
                start = time.monotonic()
            self.state, parts = update(*arguments)
            self.step += 1
            self._uncounted.append(parts.pop("action_values"))
            waited = self.step % self._wait_every == 0 or self.share >= 1
            jax.block_until_ready(parts if waited else previous)
            previous = parts
            self.seconds += time.monotonic() - start
            if waited and not np.isfinite(loss := float(parts["loss"])):
                raise self._diverged(f"a loss of {loss}")
            if self.share >= 1:
                self.check_finite()
            elif waited:
                self._finite_step = self.step
            yield parts

    def check_finite(self) -> None:
        """Raise ArgmaxError if the training has diverged: a number in its state is not finite."""
        if not all_finite(self.state):
            raise self._diverged("parameters that are not finite")
        self._finite_step = self.step

    def _diverged(self, found: str) -> ArgmaxError:
        return ArgmaxError(
            f"expected a training with finite numbers, found {found} at step {self.step} (finite "
            f"at step {self._finite_step}); no checkpoint of it is written: train again with a "
            "lower learning rate, as in --set optimizer.muon_learning_rate=0.005"
        )

    @property
    def action_values(self) -> int:
        """Move values trained on so far; waits for the step in flight."""
        self._action_values += sum(map(int, self._uncounted))
        self._uncounted.clear()
        return self._action_values

    def save(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint after the last step. Raises ArgmaxError if the training diverged."""
        self.check_finite()
        iterator_state = self.batches.get_state()
        position = Position(iterator_state, self.seconds, self.schedule, self.action_values)
        checkpoints.save(self.step, self.state, position)

    def restore(self, checkpoints: Checkpoints) -> None:
        """Continue from the newest checkpoint that can be read; start at step 0 if there is
        none."""
        found = checkpoints.restore(self.state)
        if found is None:
            return
        self.state, position = found
        self.step = self._finite_step = int(self.state.step)
        self.batches.set_state(position.iterator_state)
        self.seconds = position.seconds
        self._action_values = position.action_values
        self.schedule = [(start, length) for start, length in position.schedule]
        self._check_left()
        if self.schedule[-1][1] != self.budget:
            self.schedule.append((self.step, self.budget))

    def _check_left(self) -> None:
        """Raise InputError if a resumed training is given less than it has already done."""
        done = self.step if self.steps else self.seconds
        if done > self.length:
            unit, of_unit = ("steps", 1) if self.steps else ("minutes", 60)
            raise InputError(
                f"expected {unit} of at least {done / of_unit:g}, which the run has done, found "
                f"{self.length / of_unit:g}; give more to continue"
            )


def jit_update(update: Callable[..., tuple[TrainState, Parts]]) -> jax.stages.Wrapped:
    """An update compiled for all devices; its input state is donated, so it cannot be used
    again."""
    return jax.jit(update, donate_argnums=0, out_shardings=(shardings()[0],) * 2)


class Run:
    """A `Training` that a `TrainConfig` describes, with its evaluation, checkpoints and network."""

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset | Bag,
        evaluation: Dataset | None = None,
        start: Network | None = None,
        processes: int = 0,
    ) -> None:
        self.config = config
        self.data = data
        self._before = _history(start)
        self.evaluated = _scored(evaluation or data, config)
        length = config.steps or 60 * (config.minutes or 0)
        optimizer = partial(make_optimizer, config.optimizer, length)
        with on_host():
            state = init_state(first_params(config.network, config.seed, start), optimizer)
        self.training = Training(
            _update(config.network, config.loss, config.compute_dtype, config.optimizer, length),
            state,
            _batches(config, data, processes),
            steps=config.steps,
            minutes=config.minutes,
            wait_every=config.log_every,
        )

    def checkpoints(self, out: Path, resume: bool) -> Checkpoints:
        """The checkpoints in ``out``, of a run to resume or of a new one."""
        config = asdict(self.config) | self._before
        defaults = asdict(TrainConfig(BoardConfig(), steps=1))
        defaults["network"] = asdict(type(self.config.network)())
        return Checkpoints(out, config, resume, defaults)

    @property
    def counts(self) -> Counts:
        """How far the training has come, for the log."""
        step = self.training.step
        positions = step * self.config.batch_size
        return Counts(step, self.training.seconds, positions, self.training.action_values)

    def evaluate(self) -> dict[str, float]:
        """Metrics of the averaged network on the first positions of the evaluation split."""
        figures = summary(*measure(self.evaluated, Predictor(self.network())))
        return {name: figures[name] for name in EVALUATED if figures[name] is not None}

    def network(self) -> Network:
        """The averaged network, with its training record."""
        manifest = self.data.manifest
        record = {
            "steps": self.training.step,
            "schedule": self.training.schedule,
            "positions_seen": self.counts.positions,
            "action_values_seen": self.training.action_values,
            "hours": round(self.training.seconds / 3600, 3),
            "teacher": manifest["teacher"],
            "data": {"counts": manifest["counts"], "sources": manifest["sources"]},
            "config": asdict(self.config),
        } | self._before
        return Network(
            self.config.network,
            as_numpy(self.training.state.average),
            "argmax",
            training=json.loads(json.dumps(record)),
        )


@lru_cache(maxsize=64)
def _update(
    network: NetworkConfig,
    loss: LossConfig,
    compute_dtype: TrainingDtype,
    optimizer: OptimizerConfig,
    length: float,
) -> jax.stages.Wrapped:
    """An update compiled once for all trainings that differ in nothing that it depends on."""
    return jit_update(
        make_update(
            network_loss(network, loss, compute_dtype),
            partial(make_optimizer, optimizer, length),
            moving_average(optimizer),
        )
    )


def as_numpy(params: Any) -> Params:
    """Parameters as numpy arrays."""
    return jax.tree.map(np.asarray, jax.device_get(params))


def _batches(config: TrainConfig, data: Dataset | Bag, processes: int) -> Batches:
    network = config.network
    options = BatchOptions(
        config.max_moves,
        network.mate_range,
        network.afterstates,
        config.mirrored,
        config.focus,
    )
    source = BatchSource(
        data, inputs_of(network), config.batch_size, config.seed, options, processes
    )
    return TARGETS[network.target].batches[network.architecture](source)
