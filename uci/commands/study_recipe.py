"""Compare recipes: trainings that differ in one setting, with equal CPU time.

A variant is one or more settings, as in 'argmax train --set' or of the run, such as batch_size,
separated by spaces; the empty variant is the base. Evaluated on the validation split. Trainings
that were stopped are resumed. Without --data it only shows what is done, by base.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import PositiveInt
from uci.commands.presets import BoardPreset
from uci.commands.study import plain, report

if TYPE_CHECKING:
    from engine.study.recipe_trials import Comparison, Trial


@dataclass(frozen=True)
class Args:
    out: Path
    """The directory of the table (trials.csv), the charts and the runs."""
    data: Path | None = None
    """The dataset directory; without it, nothing is trained."""
    variant: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A variant to compare (default: a list of variants); may be repeated."""
    preset: BoardPreset = "small"
    """The base's network and batch size."""
    base: str = ""
    """Settings of the base and of all variants, in the form of a variant (default: none)."""
    steps: PositiveInt = 400
    """Training steps of the base; variants take as many as need the same CPU time."""
    seeds: PositiveInt = 2
    """Number of seeds for each variant, starting with 0."""
    positions: PositiveInt = 8192
    """Evaluate on at most this many positions of the validation split."""
    cpu_devices: PositiveInt | None = None
    """Number of CPU devices that share a batch (default: one per core, if it divides the batch)."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Train the missing trials, then draw and print the results in the table."""
    from data_pipeline.common.errors import InputError
    from engine.report.charts import save
    from engine.study.charts import recipe_chart
    from engine.study.recipe_trials import TABLE_FILE, VARIANTS, Trial, comparisons, trials
    from engine.study.table import read_table

    variants = ("", *args.variant) if args.variant else VARIANTS
    if args.data is not None:
        train(args, args.data, trials(variants, args.seeds, args.steps, args.base))
    found = comparisons(read_table(args.out / TABLE_FILE, Trial()))
    if not found:
        raise InputError(f"expected trials in {args.out}, found none; give --data to train them")
    for number, comparison in enumerate(found, 1):
        path = args.out / f"recipe-{number}.svg"
        save(recipe_chart(comparison), path)
        say(f"drawn: {path}", file=sys.stderr)
    if args.json:
        print(json.dumps(plain({"bases": list(map(asdict, found))})))
    else:
        say("\n\n".join(map(text, found)))
    return 0


def train(args: Args, data: Path, chosen: "list[Trial]") -> None:
    """Train and evaluate the missing trials; prints a line on standard error for each."""
    from model.training.runtime import keep_freed_memory

    keep_freed_memory()
    from data_pipeline.dataset.dataset import Dataset
    from engine.study.recipe_trials import run_trials
    from model.config import RECIPES, TrainConfig, preset
    from model.inference.predictor import backend
    from model.training.runtime import share_batches

    base = preset(args.preset)
    share_batches(base.batch_size, args.cpu_devices)
    config = TrainConfig(
        base.network,
        steps=args.steps,
        batch_size=base.batch_size,
        compute_dtype=backend().dtype,
        loss=RECIPES[base.recipe].loss,
        optimizer=RECIPES[base.recipe].optimizer,
        checkpoint_every=100,
        evaluation_positions=args.positions,
        evaluation_split="validation",
    )
    args.out.mkdir(parents=True, exist_ok=True)
    dataset = Dataset(data)
    dataset.verify("train", config.evaluation_split)
    run_trials(chosen, config, dataset, args.out, report)


def text(comparison: "Comparison") -> str:
    """A Markdown table: the base's metrics, then each variant's differences from them."""
    from engine.study.recipe_trials import ABOUT
    from model.training.loop import EVALUATED

    columns = ["variant", "seeds", "cost of a step", "steps", "parameters"]
    columns += [name.replace("_", " ") for name in EVALUATED]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for result in comparison.variants:
        about = [f"{result.about['cost']:.2f}", *(f"{result.about[n]:.0f}" for n in ABOUT[1:])]
        values = [
            result.differences[name].text("+") if result.variant
            else f"{result.figures[name]:.4f}"
            for name in EVALUATED
        ]  # fmt: skip
        name = f"`{result.variant}`" if result.variant else "base"
        lines.append(f"| {' | '.join([name, str(result.seeds), *about, *values])} |")
    base = f"`{comparison.base}`" if comparison.base else "the recipe as it is"
    return "\n".join([f"Base: {base}; {comparison.steps} steps.", "", *lines])
