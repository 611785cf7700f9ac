"""The search for a recipe: trainings that differ in one thing each, at the same computing time.

A *trial* is a training with `model.training.loop`, all as in a *base* but for a *variant*; both are
fields set in today's recipe, as in `model.overrides`. A variant whose step takes longer than the
base's is given fewer steps: how much longer is measured once, in processor time, in steps of both
that alternate, so that what else the machine does weighs on both. Then the number of steps is
fixed: a trial can be repeated exactly.
"""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import paired_intervals
from data_pipeline.dataset.dataset import Dataset
from engine.study.table import Figures, Mean, add_row, cells_to_do, read_table
from model.config import TrainConfig
from model.evaluation.evaluate import first_scored, measure, summary
from model.inference.predictor import Predictor
from model.network.network_file import load_network
from model.overrides import override
from model.training.loop import NETWORK_FILE, Run, train

TABLE_FILE = "trials.csv"
RUNS = "runs"
FIGURES = ("agreement", "regret", "kendall_tau_b", "log_loss", "squared_error")
TIMED_STEPS = 12

VARIANTS = (
    "",
    "network.afterstates=false",
    "network.decoder_layers=2",
    "network.layers=4 network.decoder_layers=2",
    "batch_size=64",
    "loss.ranking_weight=1",
    "loss.regret_weight=0",
    "loss.regret_weight=3",
    "loss.sigma_bins=1.5",
    "network.bins=128",
    "network.bins=32",
    "network.mate_range=0.25 network.bins=128",
    "network.heads=8",
    "optimizer.kind=adam",
    "loss.ranking_temperature=0.1",
    "network.width=192 network.layers=4",
    "loss.ranking_weight=0",
    "optimizer.muon_learning_rate=0.02",
    "optimizer.ema_decay=0",
    "network.widening=4",
    "loss.state_value_weight=0",
    "loss.ranking_temperature=0.025",
    "mirrored=true",
    "focus=0.13",
    "max_moves=32",
    "network.position_bias=false",
    "network.decoder_layers=0",
)
"""Fields set in place of the base's, most promising first; the base sets none."""


@dataclass(frozen=True)
class Trial:
    """What makes one training, beside the data; the columns that a row of the table starts with."""

    variant: str = ""
    seed: int = 0
    """Of the first weights and the order of the data."""
    steps: int = 400
    """Those of the base; a variant takes as many as have the same processor time."""
    base: str = ""
    """Fields set for the base and all its variants."""

    @property
    def name(self) -> str:
        """Fit for a directory."""
        settings = "_".join(f"{self.base} {self.variant}".split()).replace("=", "-") or "base"
        return f"{settings}_steps-{self.steps}_seed-{self.seed}"

    def config(self, recipe: TrainConfig) -> TrainConfig:
        """The configuration, before its steps are those of the same time."""
        settings = (*self.base.split(), *self.variant.split())
        return override(replace(recipe, steps=self.steps, seed=self.seed), settings)

    @property
    def compared_with(self) -> "Trial":
        """The base, with the same seed."""
        return replace(self, variant="")


def trials(variants: Sequence[str], seeds: int, steps: int, base: str = "") -> list[Trial]:
    """Seed by seed, in the order of the variants: a stop at any time leaves a table of use."""
    return [Trial(variant, seed, steps, base) for seed in range(seeds) for variant in variants]


def run_trials(
    chosen: Sequence[Trial],
    recipe: TrainConfig,
    data: Dataset,
    out: Path,
    report: Callable[[Trial, Figures], None],
) -> None:
    """Train and measure those that have no row in the table of ``out`` and that no other process
    is at, in their order.

    Measured on the recipe's evaluation split. A training that was stopped goes on.
    """
    for trial in chosen:  # all are checked before the first is trained
        trial.config(recipe)
    encoded = first_scored(data.records(recipe.evaluation_split), recipe.evaluation_positions)
    if not encoded:
        raise InputError(f"expected scored positions in the split {recipe.evaluation_split}")
    path = out / TABLE_FILE
    for trial in cells_to_do(path, chosen):
        table = read_table(path, Trial())
        figures = _known_cost(trial, table) or {"cost": relative_cost(trial, recipe, data, out)}
        cost = figures["cost"] or 1.0
        folder = out / RUNS / trial.name
        config = replace(trial.config(recipe), steps=max(1, round(trial.steps / cost)))
        _train(config, data, folder)
        figures |= {"steps_taken": config.steps} | _figures(folder, encoded)
        add_row(path, trial, figures)
        shutil.rmtree(folder / "checkpoints")
        report(trial, figures)


def _known_cost(trial: Trial, table: dict[Trial, Figures]) -> Figures | None:
    """All seeds of a variant take the same number of steps."""
    same = [row for done, row in table.items() if replace(done, seed=trial.seed) == trial]
    return {"cost": same[0]["cost"]} if same else None


def relative_cost(trial: Trial, recipe: TrainConfig, data: Dataset, out: Path) -> float:
    """How many times the base's processor time a step takes: the median over pairs of steps.

    1 where all that a step's time depends on is the base's.
    """
    base, config = trial.compared_with.config(recipe), trial.config(recipe)
    shape = [
        (c.network, c.optimizer.kind, c.batch_size, c.max_moves, c.compute_dtype)
        for c in (base, config)
    ]
    if shape[0] == shape[1]:
        return 1.0
    folder = out / RUNS / f"{trial.name}_timing"
    shutil.rmtree(folder, ignore_errors=True)

    def times(config: TrainConfig, name: str) -> Iterator[float]:
        each = replace(config, steps=9 * TIMED_STEPS, log_every=1)  # steps logged are waited for
        return _step_times(Run(each, data, folder / name, resume=False))

    plain, changed = times(base, "base"), times(config, "variant")
    for first in (plain, changed):
        next(first)  # compiles
    ratios = [1 / next(plain) * next(changed) for _ in range(TIMED_STEPS)]
    shutil.rmtree(folder)
    return statistics.median(ratios)


def _step_times(run: Run) -> Iterator[float]:
    """Processor seconds, step after step."""
    steps = run.steps()
    while True:
        start = time.process_time()
        next(steps)
        yield time.process_time() - start


def _train(config: TrainConfig, data: Dataset, folder: Path) -> None:
    resume = any((folder / "checkpoints").glob("[0-9]*"))
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    train(replace(config, evaluation_positions=0), data, folder, resume=resume)


def _figures(folder: Path, encoded: Sequence[bytes]) -> Figures:
    network = load_network(folder / NETWORK_FILE)
    found = summary(*measure(encoded, Predictor(network)))
    about = {"parameters": network.parameter_count, "minutes": 60 * network.training["hours"]}
    return {name: found[name] for name in FIGURES} | about


@dataclass(frozen=True)
class Result:
    """A variant over its seeds."""

    variant: str
    seeds: int
    about: dict[str, float]
    """The relative cost of a step, the steps, the parameters: of its first seed."""
    figures: dict[str, float]
    """Means over its seeds."""
    differences: dict[str, Mean]
    """To the base, paired by seed, with 95 % intervals whose spread all variants tell together."""


ABOUT = ("cost", "steps_taken", "parameters")


@dataclass(frozen=True)
class Comparison:
    """A base and its variants."""

    base: str
    steps: int
    """Of the base."""
    variants: list[Result]
    """The base first, then as the table has them."""


def comparisons(table: dict[Trial, Figures]) -> list[Comparison]:
    """What is known, in the order of the table."""
    bases = dict.fromkeys((trial.base, trial.steps) for trial in table)
    return [Comparison(base, steps, _results(table, base, steps)) for base, steps in bases]


def _results(table: dict[Trial, Figures], base: str, steps: int) -> list[Result]:
    rows = {
        (t.variant, t.seed): row for t, row in table.items() if (t.base, t.steps) == (base, steps)
    }
    variants = list(dict.fromkeys(["", *(variant for variant, _ in rows)]))
    seeds = sorted({seed for _, seed in rows})
    spread: dict[str, list[Mean]] = {}
    means: dict[str, np.ndarray] = {}
    for name in FIGURES:
        cells = [[rows.get((v, s), {}).get(name) for s in seeds] for v in variants]
        values = np.array(cells, np.float64)
        spread[name] = [Mean(*row) for row in paired_intervals(values)]
        means[name] = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan
                                for row in values])  # fmt: skip
    found = []
    for number, variant in enumerate(variants):
        own = [row for (v, _), row in rows.items() if v == variant]
        if own:
            about = {name: float(own[0][name] or 0) for name in ABOUT}
            figures = {name: float(means[name][number]) for name in FIGURES}
            differences = {name: spread[name][number] for name in FIGURES}
            found.append(Result(variant, len(own), about, figures, differences))
    return found
