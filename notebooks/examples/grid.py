"""What the examples ask, the cells that answer it, and the command that trains them.

    python -m notebooks.examples.grid --out runs/examples

trains all cells without a row, seed by seed and question by question, so that what is done is a
whole comparison at any time. Several can run side by side, one for each core (``taskset -c 0``).
One that was stopped starts its last cell again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import tyro

from model.targets.value_losses import LOSSES, LossName
from notebooks.examples.cells import EXAMPLES, OUT, Cell, ExampleName, Train, train_missing

SEEDS = 5
USUAL_IS_0 = ("target_period", "updates")
"""Fields in which 0 stands for the example's own value."""
PAIR: tuple[LossName, ...] = ("squared-error", "hl-gauss")
MAIN: tuple[LossName, ...] = ("squared-error", "two-hot", "hl-gauss")


@dataclass(frozen=True)
class Question:
    """Some losses at some values of one factor of an example, the name of a field of `Cell`."""

    name: str
    """For the marks in the page and the titles of charts."""
    claim: str
    """What the paper says."""
    base: Cell
    factor: str
    values: tuple[Any, ...]
    losses: tuple[LossName, ...] = PAIR
    games: tuple[str, ...] = ("",)
    """The games over which scores are aggregated, each a training of its own."""
    seeds: int = SEEDS

    def cell(self, loss: LossName, value, seed: int, game: str) -> Cell:
        """One of its cells, at the loss's own learning rate unless that is the factor."""
        rate = learning_rate(self.base.example, loss)
        settings = {"loss": loss, "seed": seed, "game": game, "learning_rate": rate}
        return replace(self.base, **(settings | {self.factor: value}))

    def label(self, value) -> str:
        """A value of the factor as text."""
        return "usual" if value == 0 and self.factor in USUAL_IS_0 else f"{value:g}"

    def cells(self, seed: int) -> list[Cell]:
        """Its cells with a seed."""
        if seed >= self.seeds:
            return []
        return [
            self.cell(loss, value, seed, game)
            for game in self.games
            for value in self.values
            for loss in self.losses
        ]


GAME = "breakout"
BASES = {name: Cell(example=name) for name in EXAMPLES}
BETTER = "Classification learns better than regression"
_ONLINE: dict[LossName, float] = {"hl-gauss": 3.0}
RATES: dict[ExampleName, dict[LossName, float]] = {
    "soft-moe": _ONLINE,
    "multi-task": _ONLINE,
    "wordle": {"hl-gauss": 0.3},
    "many-actions": {},
}
"""The best learning rates of `PAIR` by the question `rates-...` of the example, times the
example's; 1 where none is given. multi-task has those of soft-moe, the same learner."""


def learning_rate(example: ExampleName, loss: LossName) -> float:
    """Times the example's. Both squared errors have the same, and so have all cross-entropies."""
    squared: LossName = "squared-error"
    return RATES[example].get(squared if loss.endswith(squared) else "hl-gauss", 1.0)


def rates(example: ExampleName, values: tuple[float, ...], game: str = "") -> Question:
    """Which learning rates the losses want, so that none is compared at another's."""
    claim = "Each loss has its best learning rate within these"
    name, base = f"rates-{example}", BASES[example]
    return Question(name, claim, base, "learning_rate", values, PAIR, (game,), seeds=2)


def better(example: ExampleName, game: str = "") -> Question:
    """Each loss against squared error."""
    return Question(example, BETTER, BASES[example], "width", (1,), LOSSES, (game,))


def on_breakout(name: str, claim: str, factor: str, values: tuple) -> Question:
    """The paper's explanations, on one game."""
    return Question(name, claim, BASES["soft-moe"], factor, values, MAIN, (GAME,))


QUESTIONS: dict[str, Question] = {
    question.name: question
    for question in (
        rates("wordle", (0.1, 0.3, 1.0, 3.0)),
        rates("many-actions", (0.3, 1.0, 3.0)),
        rates("soft-moe", (0.3, 1.0, 3.0, 10.0), GAME),
        better("wordle"),
        better("many-actions"),
        Question(
            "experts",
            "HL-Gauss is ahead of squared error, the more the more experts there are",
            BASES["soft-moe"],
            "experts",
            (1, 2, 4, 8),
            games=(GAME,),
        ),
        Question(
            "four-games",
            "HL-Gauss is ahead of squared error, the more the wider the network is",
            BASES["multi-task"],
            "width",
            (1, 2, 4),
        ),
        better("soft-moe", GAME),
        on_breakout(
            "noise",
            "The advantage of HL-Gauss grows with the noise of the rewards",
            "noise",
            (0.0, 0.3, 1.0),
        ),
        on_breakout(
            "target-period",
            "The advantage of HL-Gauss grows the faster the targets move",
            "target_period",
            (0, 50),
        ),
        on_breakout(
            "updates",
            "The advantage of HL-Gauss grows with the updates for each batch of new steps",
            "updates",
            (1, 0),
        ),
    )
}


def main(argv: list[str] | None = None) -> None:
    """Train what is missing."""

    @dataclass(frozen=True)
    class Args:
        only: tyro.conf.Positional[tuple[str, ...]] = ()
        """Names of questions; none: all."""
        out: Path = OUT
        """Folder of the table, cells.csv."""
        seeds: int = SEEDS
        """The first seeds only."""

    args = tyro.cli(Args, prog="python -m notebooks.examples.grid", description=__doc__, args=argv)
    if unknown := set(args.only) - QUESTIONS.keys():
        names = ", ".join(QUESTIONS)
        raise SystemExit(f"expected questions ({names}), found {', '.join(sorted(unknown))}")
    jax.config.update("jax_compilation_cache_dir", str(args.out.resolve() / "compiled"))
    questions = [QUESTIONS[name] for name in args.only or QUESTIONS]
    trains: dict[ExampleName, Train] = {
        name: import_module(module_of(name)).train for name in EXAMPLES
    }
    train_missing(trains, cells_of(questions, args.seeds), args.out)


def module_of(example: ExampleName) -> str:
    """The module of an example."""
    return f"notebooks.examples.{example.replace('-', '_')}"


def cells_of(questions: Iterable[Question], seeds: int = SEEDS) -> list[Cell]:
    """The cells of questions, each once, seed by seed."""
    return list(
        dict.fromkeys(
            cell for seed in range(seeds) for question in questions for cell in question.cells(seed)
        )
    )


if __name__ == "__main__":
    main()
