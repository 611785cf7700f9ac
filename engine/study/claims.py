"""The claims that the study tests, as contrasts: weighted sums of the figures of cells.

The claims are those of Farebrother et al. 2024, applied to chess. A `Contrast` is computed for each
seed for which all of its cells are done, so that everything that the cells of one seed share
(initial weights, data, noise) cancels out. Positive values support the claim.
"""

from dataclasses import dataclass, replace

from engine.study.grid import SIZES, STUDIES, TO_THE_END, Cell
from engine.study.table import Mean, Table
from model.targets.value_losses import LossName

FALLING = ("regret", "squared_error", "log_loss", "crps", "calibration_error")
"""Metrics for which lower is better; for all others higher is better."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum over cells; weights are positive for cells that the claim expects to be
    worse."""

    label: str
    terms: tuple[tuple[int, Cell], ...]

    def seeds(self, table: Table, seeds: int) -> list[int]:
        """The seeds for which all cells are done."""
        return [
            seed
            for seed in range(seeds)
            if all(replace(cell, seed=seed) in table for _, cell in self.terms)
        ]

    def effect(self, figure: str, table: Table, seeds: int) -> Mean | None:
        """The mean over the seeds that are done, for a metric that all losses have; None without
        seeds."""
        sign = 1 if figure in FALLING else -1
        found = [
            sum(
                sign * weight * (table[replace(cell, seed=seed)][figure] or 0.0)
                for weight, cell in self.terms
            )
            for seed in self.seeds(table, seeds)
        ]
        return Mean.of(found) if found else None


@dataclass(frozen=True)
class Claim:
    """A claim as a sentence, the study that tests it, and the contrasts that decide it."""

    text: str
    study: str
    contrasts: tuple[Contrast, ...]


def claims(base: Cell, table: Table, seeds: int) -> list[Claim]:
    """All claims, also those whose cells are not done yet.

    ``table`` is used only to find the best learning rate of each loss.
    """

    def cell(loss: LossName, **changes) -> Cell:
        return replace(base, loss=loss, **changes)

    def against(label: str, worse: Cell, better: Cell) -> Contrast:
        return Contrast(label, ((1, worse), (-1, better)))

    def less(worse: LossName, better: LossName = "hl-gauss", **changes) -> Contrast:
        at = "".join(f", {name} {value}" for name, value in changes.items())
        name = f"{better} against {worse}{at}"
        return against(name, cell(worse, **changes), cell(better, **changes))

    def grows(worse: LossName, factor: str, low, high) -> Contrast:
        ends = less(worse, **{factor: high}).terms
        starts = less(worse, **{factor: low}).terms
        negated = tuple((-weight, of) for weight, of in starts)
        label = f"hl-gauss against {worse}, {factor} {high} minus that at {low}"
        return Contrast(label, ends + negated)

    def within(loss: LossName, factor: str, worse, better, **changes) -> Contrast:
        at = "".join(f", {name} {value}" for name, value in changes.items())
        label = f"{loss}{at}, {factor} {better} against {worse}"
        return against(
            label, *(cell(loss, **changes, **{factor: value}) for value in (worse, better))
        )

    def at_best_rates(loss: LossName) -> tuple[Contrast, ...]:
        ours, theirs = (best_rate(name, base, table, seeds) for name in ("hl-gauss", loss))
        if ours is None or theirs is None:
            return ()
        label = f"{loss} at {theirs:g} times the rate, hl-gauss at {ours:g}"
        worse, better = cell(loss, learning_rate=theirs), cell("hl-gauss", learning_rate=ours)
        return (against(label, worse, better),)

    sizes = tuple(SIZES)
    return [
        Claim(
            "Classification learns better than regression",
            "losses",
            (
                less("squared-error"),
                less("softmax-squared-error"),
                less("squared-error", "two-hot"),
            ),
        ),
        Claim(
            "HL-Gauss learns better than other ways to classify",
            "losses",
            (less("two-hot"), less("one-hot"), less("c51")),
        ),
        Claim(
            "It is not that regression wants another learning rate",
            "rates",
            at_best_rates("squared-error") + at_best_rates("softmax-squared-error"),
        ),
        Claim(
            "The advantage over regression grows with noise in the targets",
            "noise",
            (grows("squared-error", "noise", 0.0, 0.4), grows("squared-error", "flips", 0.0, 0.3)),
        ),
        Claim(
            "More bins learn better",
            "bins",
            tuple(
                within(loss, "bins", fewer, more)
                for loss in ("two-hot", "hl-gauss")
                for fewer, more in ((8, 64), (64, 256))
            ),
        ),
        Claim(
            "A Gaussian of three quarters of a bin learns better than a narrow or a wide one",
            "bins",
            tuple(within("hl-gauss", "sigma_bins", ends, 0.75) for ends in (0.25, 2.0)),
        ),
        Claim(
            "The advantage over regression grows with the network",
            "scale",
            tuple(grows("squared-error", "size", sizes[0], size) for size in sizes[-2:]),
        ),
        Claim(
            "Classification learns better from moving targets",
            "bootstrap",
            (
                less("squared-error", plies=1),
                less("squared-error", plies=2),
                less("squared-error", "c51", plies=1),
                less("squared-error", "c51", plies=2),
                grows("squared-error", "plies", TO_THE_END, 1),
            ),
        ),
        Claim(
            "From moving targets, whole distributions teach better than their means",
            "moving-targets",
            (
                within("two-hot", "target", "own", "other", plies=1),
                within("hl-gauss", "target", "own", "other", plies=1),
                within("c51", "target", "other", "own", plies=1),
            ),
        ),
        Claim(
            "From moving targets, HL-Gauss learns better with a narrower Gaussian",
            "moving-targets",
            tuple(
                within("hl-gauss", "sigma_bins", wide, narrow, plies=1)
                for wide, narrow in ((0.75, 0.25), (2.0, 0.75))
            ),
        ),
        Claim(
            "Targets from an averaged network teach better than those from a copy",
            "moving-targets",
            tuple(
                within(loss, "target_network", "copy", "average", plies=1)
                for loss in ("squared-error", "hl-gauss")
            ),
        ),
    ]


def best_rate(loss: LossName, base: Cell, table: Table, seeds: int) -> float | None:
    """The learning rate with the lowest mean regret; None until all rates have all seeds.

    It is chosen on the same positions that are used for the comparison, for each loss alike.
    """
    (sweep,) = STUDIES["rates"]
    rows = {
        rate: [
            table.get(replace(base, loss=loss, learning_rate=rate, seed=seed), {}).get("regret")
            for seed in range(seeds)
        ]
        for rate in sweep.values
    }
    if any(None in row for row in rows.values()):
        return None
    return min(rows, key=lambda rate: sum(x or 0.0 for x in rows[rate]))
