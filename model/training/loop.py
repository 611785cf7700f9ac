"""The training loop: data, steps, logs, evaluation, checkpoints, and going on where it stopped."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import Dataset
from model.config import BoardConfig, TrainConfig
from model.evaluation.evaluate import first_scored, measure, summary
from model.inference.predictor import Predictor
from model.network.architecture import inputs_of
from model.network.network_file import Network, save_network
from model.targets import TARGETS
from model.training.checkpoints import Checkpoints, Progress
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.run_log import Counts, RunLog
from model.training.runtime import shardings
from model.training.step import TrainState, init_state, make_update, moving_average
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
) -> Network:
    """Train to the end and write ``out/network.safetensors``; returns the averaged network.

    The first weights are those of ``start``, if given (see `warm_start`). The network is
    evaluated on scored moves of ``evaluation`` or, without it, of ``data``, if there are any.
    Logs go to ``out/metrics.jsonl`` and TensorBoard files beside it, checkpoints to
    ``out/checkpoints``. With ``resume`` a run that was stopped, even killed, goes on from its last
    checkpoint as if it had never stopped; given another number of steps or minutes, the learning
    rate falls over these from there on. Raises InputError if data and configuration do not fit,
    ``out`` holds another run, ``start`` does not fit, or there is nothing to resume.
    """
    _check(config, data)
    run = Run(config, data, out, resume, evaluation, start)
    with ExitStack() as stack:
        log = stack.enter_context(RunLog(out, config.steps, run.counts, run.share))
        checkpoints = stack.enter_context(run.checkpoints)
        if config.evaluation_positions and not run.evaluated:
            log.say("nothing is evaluated: there are no positions with scored moves to do it on")
        for parts in run.steps():
            last = run.share >= 1
            if run.step % config.log_every == 0 or last:
                log.training(run.counts, run.share, jax.device_get(parts))
            if run.evaluated and (run.step % config.evaluate_every == 0 or last):
                log.evaluation(run.counts, run.evaluate())
            if run.step % config.checkpoint_every == 0 or last:
                checkpoints.save(run.step, run.state, run.progress())
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
    """The records to evaluate on; none if they hold no scored moves."""
    if not data.size(config.evaluation_split):
        return []
    return first_scored(data.records(config.evaluation_split), config.evaluation_positions)


def _history(start: Network | None) -> dict[str, Any]:
    """What the record of a training says of the network that it started from."""
    if start is None:
        return {}
    kept = ("steps", "positions_seen", "hours", "teacher", "data", "config", "started_from")
    return {"started_from": {name: start.training.get(name) for name in kept}}


class Run:
    """A training run in progress: its state, its place in the data, and its devices."""

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset | Bag,
        out: Path,
        resume: bool,
        evaluation: Dataset | None = None,
        start: Network | None = None,
    ) -> None:
        self.config = config
        self.data = data
        self._before = _history(start)
        self.evaluated = _scored(evaluation or data, config)
        network = config.network
        options = BatchOptions(
            config.max_moves,
            network.mate_range,
            network.afterstates,
            config.mirrored,
            config.focus,
        )
        batches = TARGETS[network.target].batches[network.architecture]
        self.batches = batches(data, inputs_of(network), config.batch_size, config.seed, options)
        self.length: float = config.steps or 60 * (config.minutes or 0)
        optimizer = partial(make_optimizer, config.optimizer, self.length)
        replicated, self._by_position = shardings()
        self.state: TrainState = jax.device_put(
            init_state(first_params(config.network, config.seed, start), optimizer), replicated
        )
        self.seconds = 0.0
        self._action_values = 0
        self._uncounted: list[jax.Array] = []
        budget = config.steps or f"{config.minutes:g} minutes"
        self.schedule = [(0, budget)]
        defaults = asdict(TrainConfig(BoardConfig(), steps=1))
        defaults["network"] = asdict(type(config.network)())
        self.checkpoints = Checkpoints(out, asdict(config) | self._before, resume, defaults)
        if resume:
            self.state, progress = self.checkpoints.restore(self.state)
            self.batches.set_state(progress.place)
            self.seconds = progress.seconds
            self._action_values = progress.action_values
            self.schedule = [(start, length) for start, length in progress.schedule]
            self._check_left()
            if self.schedule[-1][1] != budget:
                self.schedule.append((int(self.state.step), budget))
        self.step = int(self.state.step)
        loss_of = network_loss(config.network, config.loss, config.compute_dtype)
        update = make_update(loss_of, optimizer, moving_average(config.optimizer))
        self._update = jax.jit(update, donate_argnums=0, out_shardings=(replicated, replicated))

    def _check_left(self) -> None:
        """Raise InputError where a resumed run is asked for less than is done already."""
        done = int(self.state.step) if self.config.steps else self.seconds
        if done > self.length:
            unit, of_unit = ("steps", 1) if self.config.steps else ("minutes", 60)
            raise InputError(
                f"expected {unit} of at least {done / of_unit:g}, which the run has done, found "
                f"{self.length / of_unit:g}; give more to go on"
            )

    @property
    def share(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return min(1.0, float(self._place) / self.length)

    @property
    def _place(self) -> np.ndarray:
        return np.array(self.step) if self.config.steps else np.array(self.seconds, np.float32)

    def steps(self) -> Iterator[dict[str, jax.Array]]:
        """Step after step to the end; each gives the loss and its parts. Compiling takes no time
        that counts.

        A step is given out while it still runs, so that devices do not wait for the host, but where
        it is logged: that one's time counts to its end. No more than two are under way.
        """
        update = None
        before = None
        while self.share < 1:
            start = time.monotonic()
            batch = jax.device_put(next(self.batches), self._by_position)
            if update is None:
                update = self._update.lower(self.state, batch, self._place).compile()
                start = time.monotonic()
            self.state, parts = update(self.state, batch, self._place)
            self.step += 1
            self._uncounted.append(parts.pop("action_values"))
            logged = self.step % self.config.log_every == 0 or self.share >= 1
            jax.block_until_ready(parts if logged else before)
            before = parts
            self.seconds += time.monotonic() - start
            yield parts

    @property
    def action_values(self) -> int:
        """How many have been learned from; waits for the step under way."""
        self._action_values += sum(map(int, self._uncounted))
        self._uncounted.clear()
        return self._action_values

    @property
    def counts(self) -> Counts:
        """What the log says of how far the training has come."""
        positions = self.step * self.config.batch_size
        return Counts(self.step, self.seconds, positions, self.action_values)

    def progress(self) -> Progress:
        """What a checkpoint keeps beside the state."""
        place = self.batches.get_state()
        return Progress(place, self.seconds, self.schedule, self.action_values)

    def evaluate(self) -> dict[str, float]:
        """Figures of the averaged network on the first positions of the evaluation split."""
        figures = summary(*measure(self.evaluated, Predictor(self.network())))
        return {name: figures[name] for name in EVALUATED if figures[name] is not None}

    def network(self) -> Network:
        """The averaged network, with the record of its training."""
        manifest = self.data.manifest
        record = {
            "steps": self.step,
            "schedule": self.schedule,
            "positions_seen": self.counts.positions,
            "action_values_seen": self.action_values,
            "hours": round(self.seconds / 3600, 3),
            "teacher": manifest["teacher"],
            "data": {"counts": manifest["counts"], "sources": manifest["sources"]},
            "config": asdict(self.config),
        } | self._before
        params = jax.tree.map(np.asarray, jax.device_get(self.state.average))
        return Network(
            self.config.network, params, "argmax", training=json.loads(json.dumps(record))
        )
