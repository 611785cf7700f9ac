"""The study of losses: its cells, one short training each, and the grids they are laid out in.

Farebrother et al. 2024 find that value functions learn better by classification than by
regression, most of all under noise and in larger networks. A *cell* is one such comparison's
smallest unit: one loss, one setting, one seed. A *study* is a set of *sweeps*: some losses at some
values of one factor, all else as in `Cell`. A cell knows nothing of its study, so studies share
cells: the clean end of `noise` is that of `losses`.
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
"""Networks by their parameters at 64 bins: alike in everything but width and layers."""


@dataclass(frozen=True)
class Cell:
    """What makes one training run; the columns that a row of the table starts with."""

    loss: LossName = "hl-gauss"
    size: str = "0.3M"
    bins: int = 64
    """Outputs of the network for each move."""
    sigma_bins: float = 0.75
    """HL-Gauss: sigma in bin widths."""
    noise: float = 0.0
    """Width of the uniform noise that is added to each target, cut off at 0 and 1."""
    flips: float = 0.0
    """Share of the targets that are the other side's: 1 - win probability."""
    learning_rate: float = 1.0
    """In multiples of the usual one."""
    plies: int = 0
    """How many plies on the network's own value is the target, or the result of a game that is over
    by then; 0 where a teacher's is."""
    seed: int = 0
    """Of the first weights, the order of the data and the noise."""
    steps: int = 1600
    batch_size: int = 128

    @property
    def network(self) -> BoardConfig:
        """The network that it trains."""
        return replace(SIZES[self.size], bins=self.bins)

    @property
    def name(self) -> str:
        """Short, unique among the cells of all studies, fit for a file."""
        plain = Cell()
        given = {k: v for k, v in vars(self).items() if k == "loss" or v != getattr(plain, k)}
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

    def cells(self, base: Cell) -> list[Cell]:
        """All of them, with one seed and else as in ``base``."""
        return [
            replace(base, loss=loss, **{self.factor: value})
            for value in self.values
            for loss in self.losses
        ]


TO_THE_END = 1000
"""More plies than a game has."""

MAIN: tuple[LossName, ...] = ("squared-error", "two-hot", "hl-gauss")
"""The losses of studies with many cells: regression, and two ways to classify."""

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
}
"""losses: each as it is. noise: targets that lie. bins: how many, and how wide the Gaussian. scale:
parameters. rates: whether a loss only wants another learning rate. bootstrap: no teacher, see
`engine.study.bootstrap`; to the end of the game, targets are results alone and do not move."""

STUDIES["representation"] = STUDIES["losses"]  # whose networks it probes, see `engine.study.probes`


def cells_of(name: str, seeds: int, base: Cell) -> list[Cell]:
    """The cells of a study, each once: small networks first, then seed by seed.

    Whatever the moment at which a study is stopped, what is done is then a study with fewer seeds
    or sizes.
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
