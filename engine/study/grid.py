"""The study of losses: its cells, one short training each, and the grids that they form.

Farebrother et al. 2024 find that value functions learn better by classification than by regression,
most of all with noise and in larger networks. A *cell* is the unit of such a comparison: one loss,
one setting, one seed. A *study* is a set of *sweeps*: some losses at some values of one factor,
with the defaults of `Cell` for everything else. Studies share cells: the cells of `noise` at zero
noise are those of `losses`.
"""

from dataclasses import dataclass, replace

from data_pipeline.common.errors import InputError
from model.config import BoardConfig
from model.targets.value_losses import LOSSES, LossName

SIZES: dict[str, BoardConfig] = {
    "0.1M": BoardConfig(width=32, layers=3, output_hidden_width=64),
    "0.3M": BoardConfig(width=64, layers=4, output_hidden_width=128),
    "1.2M": BoardConfig(),
    "4M": BoardConfig(width=240, layers=6, output_hidden_width=480),
}
"""Networks by their number of parameters with 64 bins; they differ only in width and layers."""


@dataclass(frozen=True)
class Cell:
    """The settings of one training; the first columns of a row of the table."""

    loss: LossName = "hl-gauss"
    size: str = "0.3M"
    bins: int = 64
    """Outputs of the network for each move."""
    sigma_bins: float = 0.75
    """Sigma of HL-Gauss, in bin widths."""
    noise: float = 0.0
    """Width of the uniform noise that is added to each target, then clipped to [0, 1]."""
    flips: float = 0.0
    """Share of the targets that are flipped to 1 - win probability."""
    learning_rate: float = 1.0
    """Factor on the usual learning rate."""
    plies: int = 0
    """The target is the network's own value this many plies later, or the result if the game is
    over by then; 0: the target is a teacher's value."""
    target: str = "own"
    """With plies, the kind of target: C51's own is the target network's whole distribution, that of
    the other losses its expected value; "other": the other one."""
    target_network: str = "copy"
    """With plies, how the target network follows: as a "copy" every few steps, or as the moving
    "average" with the same mean delay."""
    seed: int = 0
    """Seed of the initial weights, the order of the data and the noise."""
    steps: int = 1600
    batch_size: int = 128

    def __post_init__(self) -> None:
        if self.target == "other" and self.loss in ("squared-error", "softmax-squared-error"):
            raise ValueError(
                f"expected a classification loss with other targets, found {self.loss}"
            )

    @property
    def network(self) -> BoardConfig:
        """The network that it trains."""
        return replace(SIZES[self.size], bins=self.bins)

    @property
    def name(self) -> str:
        """A short name for files, unique among the cells of all studies."""
        default = Cell()
        given = {k: v for k, v in vars(self).items() if k == "loss" or v != getattr(default, k)}
        return "_".join(
            f"{v}" if k == "loss" else f"{k}-{v:g}" if isinstance(v, float) else f"{k}-{v}"
            for k, v in given.items()
        )


@dataclass(frozen=True)
class Sweep:
    """Some losses at some values of a factor, the name of a field of `Cell`."""

    factor: str
    values: tuple
    losses: tuple[LossName, ...]
    plies: int = 0
    """That of all its cells, unless it is the factor."""

    def cell(self, base: Cell, loss: LossName, value) -> Cell:
        """The cell of a loss at a value, with the seed and all other settings of ``base``."""
        return replace(base, **{"loss": loss, "plies": self.plies, self.factor: value})

    def cells(self, base: Cell) -> list[Cell]:
        """The cells of the sweep, with the seed and all other settings of ``base``."""
        return [self.cell(base, loss, value) for value in self.values for loss in self.losses]


TO_THE_END = 1000
"""More plies than a game has."""

MAIN: tuple[LossName, ...] = ("squared-error", "two-hot", "hl-gauss")
"""The losses of studies with many cells: regression, and two kinds of classification."""

STUDIES: dict[str, tuple[Sweep, ...]] = {
    "losses": (Sweep("size", ("0.3M",), LOSSES),),
    "noise": (
        Sweep("noise", (0.0, 0.2, 0.4), MAIN),
        Sweep("flips", (0.0, 0.15, 0.3), MAIN),
    ),
    "bins": (
        Sweep("bins", (8, 16, 32, 64, 128, 256), ("two-hot", "hl-gauss")),
        Sweep("sigma_bins", (0.25, 0.5, 0.75, 1.0, 2.0), ("hl-gauss",)),
    ),
    "scale": (Sweep("size", tuple(SIZES), MAIN),),
    "rates": (
        Sweep(
            "learning_rate",
            (0.3, 1.0, 3.0),
            ("squared-error", "softmax-squared-error", "hl-gauss"),
        ),
    ),
    "bootstrap": (
        Sweep("plies", (1, 2, TO_THE_END), ("squared-error", "two-hot", "hl-gauss", "c51")),
    ),
    "moving-targets": (
        Sweep("target", ("own", "other"), ("two-hot", "hl-gauss", "c51"), plies=1),
        Sweep("sigma_bins", (0.25, 0.75, 2.0), ("hl-gauss",), plies=1),
        Sweep("target_network", ("copy", "average"), ("squared-error", "hl-gauss"), plies=1),
    ),
}
"""losses: with default settings. noise: noisy targets. bins: their number, and the width of the
Gaussian. scale: parameters. rates: whether a loss only needs another learning rate. bootstrap: no
teacher, see `engine.study.bootstrap`; with `TO_THE_END` plies, targets are the results and
fixed. moving-targets: why HL-Gauss is behind there."""

STUDIES["representation"] = STUDIES["losses"]  # probes their networks: `engine.study.probes`


def cells_of(name: str, seeds: int, base: Cell) -> list[Cell]:
    """The cells of a study, without duplicates: small networks first, then by seed.

    A study that is stopped early has fewer seeds or sizes, but is otherwise complete.
    """
    if name not in STUDIES:
        raise InputError(f"expected a study ({', '.join(STUDIES)}), found '{name}'")
    found = {
        cell: None
        for seed in range(seeds)
        for sweep in STUDIES[name]
        for cell in sweep.cells(replace(base, seed=seed))
    }
    return sorted(found, key=lambda cell: list(SIZES).index(cell.size))
