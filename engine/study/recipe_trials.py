"""The search for a recipe: trainings that differ in one setting each, with equal computing time.

A *trial* is a training by `model.training.loop` with the settings of a *base* and of a *variant*;
both set fields of the default recipe, as in `model.overrides`. A variant whose steps take longer
than the base's gets fewer steps. The ratio of their costs is measured once, in CPU time, with
alternating steps of both, so that other load on the machine affects both. The number of steps is
then fixed, so that a trial can be repeated exactly.
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
from model.training.checkpoints import resume_or_clear
from model.training.loop import EVALUATED, NETWORK_FILE, Run, train

TABLE_FILE = "trials.csv"
RUNS = "runs"
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
"""Fields that differ from the base, most promising first; the empty one is the base."""


@dataclass(frozen=True)
class Trial:
    """The settings of one training; the first columns of a row of the table."""

    variant: str = ""
    seed: int = 0
    """Seed of the initial weights and of the order of the data."""
    steps: int = 400
    """Steps of the base; a variant takes as many as need the same CPU time."""
    base: str = ""
    """Fields set for the base and all its variants."""

    @property
    def name(self) -> str:
        """A name for a directory."""
        settings = "_".join(f"{self.base} {self.variant}".split()).replace("=", "-") or "base"
        return f"{settings}_steps-{self.steps}_seed-{self.seed}"

    def config(self, recipe: TrainConfig) -> TrainConfig:
        """The configuration, with the number of steps of the base."""
        settings = (*self.base.split(), *self.variant.split())
        return override(replace(recipe, steps=self.steps, seed=self.seed), settings)

    @property
    def compared_with(self) -> "Trial":
        """The base with the same seed."""
        return replace(self, variant="")


def trials(variants: Sequence[str], seeds: int, steps: int, base: str = "") -> list[Trial]:
    """All trials by seed, then by variant, so that the table is useful even if stopped early."""
    return [Trial(variant, seed, steps, base) for seed in range(seeds) for variant in variants]


def run_trials(
    chosen: Sequence[Trial],
    recipe: TrainConfig,
    data: Dataset,
    out: Path,
    report: Callable[[Trial, Figures], None],
) -> None:
    """Train and evaluate, in order, the trials that have no row in the table of ``out`` and that no
    other process works on.

    Evaluated on the recipe's evaluation split. A training that was stopped is resumed.
    """
    for trial in chosen:  # all are checked before the first is trained
        trial.config(recipe)
    encoded = first_scored(data.records(recipe.evaluation_split), recipe.evaluation_positions)
    if not encoded:
        raise InputError(f"expected scored positions in the split {recipe.evaluation_split}")
    path = out / TABLE_FILE
    for trial in cells_to_do(path, chosen):
        table = read_table(path, Trial())
        figures = _known_cost(trial, table) or {"cost": relative_cost(trial, recipe, data)}
        cost = figures["cost"] or 1.0
        folder = out / RUNS / trial.name
        config = replace(trial.config(recipe), steps=max(1, round(trial.steps / cost)))
        _train(config, data, folder)
        figures |= {"steps_taken": config.steps} | _figures(folder, encoded)
        add_row(path, trial, figures)
        shutil.rmtree(folder / "checkpoints")
        report(trial, figures)


def _known_cost(trial: Trial, table: dict[Trial, Figures]) -> Figures | None:
    """The cost of a variant that was measured with another seed: all seeds take the same steps."""
    same = [row for done, row in table.items() if replace(done, seed=trial.seed) == trial]
    return {"cost": same[0]["cost"]} if same else None


def relative_cost(trial: Trial, recipe: TrainConfig, data: Dataset) -> float:
    """CPU time of a step relative to the base's: the median over pairs of steps.

    It is 1 if nothing that affects the time of a step differs from the base.
    """
    base, config = trial.compared_with.config(recipe), trial.config(recipe)
    shape = [
        (c.network, c.optimizer.kind, c.batch_size, c.max_moves, c.compute_dtype)
        for c in (base, config)
    ]
    if shape[0] == shape[1]:
        return 1.0

    def times(config: TrainConfig) -> Iterator[float]:
        each = replace(config, steps=9 * TIMED_STEPS, log_every=1)  # steps logged are waited for
        return _step_times(Run(each, data))

    base_times, own_times = times(base), times(config)
    for first in (base_times, own_times):
        next(first)  # compilation
    ratios = [1 / next(base_times) * next(own_times) for _ in range(TIMED_STEPS)]
    return statistics.median(ratios)


def _step_times(run: Run) -> Iterator[float]:
    """CPU seconds of each step."""
    steps = run.training.run()
    while True:
        start = time.process_time()
        next(steps)
        yield time.process_time() - start


def _train(config: TrainConfig, data: Dataset, folder: Path) -> None:
    config = replace(config, evaluation_positions=0)
    train(config, data, folder, resume=resume_or_clear(folder))


def _figures(folder: Path, encoded: Sequence[bytes]) -> Figures:
    network = load_network(folder / NETWORK_FILE)
    found = summary(*measure(encoded, Predictor(network)))
    about = {"parameters": network.parameter_count, "minutes": 60 * network.training["hours"]}
    return {name: found[name] for name in EVALUATED} | about


@dataclass(frozen=True)
class VariantResult:
    """A variant over its seeds."""

    variant: str
    seeds: int
    about: dict[str, float]
    """`ABOUT` for its first seed: relative cost of a step, number of steps, parameters."""
    figures: dict[str, float]
    """Means over its seeds."""
    differences: dict[str, Mean]
    """Differences from the base, paired by seed, with 95 % intervals from the variance pooled over
    all variants."""


ABOUT = ("cost", "steps_taken", "parameters")


@dataclass(frozen=True)
class Comparison:
    """A base and its variants."""

    base: str
    steps: int
    """Steps of the base."""
    variants: list[VariantResult]
    """The base first, then in the order of the table."""


def comparisons(table: dict[Trial, Figures]) -> list[Comparison]:
    """All comparisons in a table, in its order."""
    bases = dict.fromkeys((trial.base, trial.steps) for trial in table)
    return [Comparison(base, steps, _results(table, base, steps)) for base, steps in bases]


def _results(table: dict[Trial, Figures], base: str, steps: int) -> list[VariantResult]:
    rows = {
        (t.variant, t.seed): row for t, row in table.items() if (t.base, t.steps) == (base, steps)
    }
    variants = list(dict.fromkeys(["", *(variant for variant, _ in rows)]))
    seeds = sorted({seed for _, seed in rows})
    figures = {}  # by name: [V, S]
    for name in EVALUATED:
        cells = [[rows.get((v, s), {}).get(name) for s in seeds] for v in variants]
        figures[name] = np.array(cells, np.float64)
    differences = {name: paired_intervals(values) for name, values in figures.items()}
    found = []
    for number, variant in enumerate(variants):
        if own := [row for (v, _), row in rows.items() if v == variant]:
            about = {name: float(own[0][name] or 0) for name in ABOUT}
            means = {name: float(np.nanmean(values[number])) for name, values in figures.items()}
            to_base = {name: Mean(*rows[number]) for name, rows in differences.items()}
            found.append(VariantResult(variant, len(own), about, means, to_base))
    return found
