"""The settings of one training of an example, and the table that all examples share.

    python -m notebooks.examples.wordle --loss hl-gauss --seed 0

trains one cell, with a progress bar, and adds a row to the table. A cell with a row is not trained
again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import say
from data_pipeline.common.terminal import progress_bar
from engine.study.table import TABLE_FILE, Figures, add_row, cells_to_do, read_table
from model.targets.value_losses import LossName

ExampleName = Literal["soft-moe", "multi-task", "many-actions", "wordle"]
EXAMPLES: tuple[ExampleName, ...] = get_args(ExampleName)
OUT = Path("runs/examples")
CURVE_POINTS = 20
"""Evaluations during a training, evenly spaced."""
CURVE = tuple(f"score_{number}" for number in range(1, CURVE_POINTS + 1))
"""The names of their scores in the table."""
FINAL = CURVE_POINTS // 5
"""Evaluations whose mean is the score: those in the last 20 % of the training."""


@dataclass(frozen=True)
class Cell:
    """One training: the first columns of a row of the table.

    Settings that an example does not have stay at their defaults in its cells.
    """

    example: tyro.conf.Suppress[ExampleName] = "soft-moe"
    loss: LossName = "hl-gauss"
    game: str = ""
    """The game of an example that learns one of several."""
    experts: int = 1
    width: int = 1
    """Width of the network, times the example's."""
    noise: float = 0.0
    """Width of the uniform noise, from 0 to this, that is added to each reward (the paper,
    section 5)."""
    target_period: int = 0
    """Updates between copies to the target network; 0: the example's own."""
    updates: int = 0
    """Updates for each batch of new steps (online); 0: the example's own."""
    sigma_bins: float = 0.75
    """Sigma of HL-Gauss, in bin widths."""
    learning_rate: float = 1.0
    """Factor on the example's learning rate."""
    scale: float = 1.0
    """Length of the training, times the example's; below 1 to try it out."""
    seed: int = 0

    @property
    def name(self) -> str:
        """A short name for files, unique among all cells."""
        given = {k: v for k, v in vars(self).items() if v != getattr(_DEFAULT, k)}
        rest = [
            f"{k}-{v:g}" if isinstance(v, float) else f"{k}-{v}"
            for k, v in given.items()
            if k not in ("example", "loss")
        ]
        return "_".join([self.example, self.loss, *rest])


_DEFAULT = Cell()

Train = Callable[[Cell, Callable[[float], None]], Figures]
"""Trains a cell, reporting the share that is done, and returns its figures: `score`, more if the
example has more, and the `CURVE` during the training."""


def refuse_absent(cell: Cell, own: Sequence[str]) -> None:
    """Raise InputError if the cell sets a field that its example does not have.

    ``own``: the fields that not all examples have and this one does.
    """
    for name in ("game", "experts", "width", "noise", "target_period", "updates"):
        value, usual = getattr(cell, name), getattr(_DEFAULT, name)
        if name not in own and value != usual:
            raise InputError(
                f"expected {name} {usual!r} in a cell of {cell.example}, which has no such "
                f"setting, found {value!r}; leave out {name}"
            )


def run(train: Train, base: Cell, argv: list[str] | None = None) -> None:
    """The command of an example: train the cell that the options give, unless it has a row, and
    show its row.

    ``base``: the example's cell with default settings.
    """

    @dataclass(frozen=True)
    class Args:
        cell: Annotated[Cell, tyro.conf.arg(name="")]
        out: Path = OUT
        """Folder of the table, cells.csv."""

    program = f"python -m notebooks.examples.{base.example.replace('-', '_')}"
    summary = f"Train one cell of {base.example} and add its row to the table."
    args = tyro.cli(
        Args,
        prog=program,
        description=summary,
        default=Args(base),
        args=argv,
        config=(tyro.conf.ConsolidateSubcommandArgs,),
    )
    train_missing({base.example: train}, [args.cell], args.out)
    figures = read_table(args.out / TABLE_FILE, args.cell)[args.cell]
    shown = {k: v for k, v in figures.items() if v is not None and k not in CURVE}
    say(", ".join(f"{k} {v:.4g}" for k, v in shown.items()))


def train_missing(trains: dict[ExampleName, Train], cells: Sequence[Cell], out: Path) -> None:
    """Train the cells without a row in the table of ``out`` that no other process trains.

    A row is written when its cell is done. ``trains``: by example.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / TABLE_FILE
    for cell in cells_to_do(path, cells):
        started = time.monotonic()
        with progress_bar(cell.name, 100) as update:
            figures = trains[cell.example](
                cell, lambda share, update=update: update(int(100 * share))
            )
        add_row(path, cell, figures | {"seconds": time.monotonic() - started})


def curve(scores: Sequence[float]) -> Figures:
    """The scores of `CURVE_POINTS` evaluations as figures."""
    return dict(zip(CURVE, scores, strict=True))
