"""What the cells of the examples say: means, differences, and whether the paper's claims hold.

Scores are aggregated as Agarwal et al. 2021 ("Deep reinforcement learning at the edge of the
statistical precipice") advise, with their library, rliable: the interquartile mean over seeds and
games, and 95 % intervals by the bootstrap that draws seeds within each game.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rliable import library, metrics

from engine.report.charts import new_figure
from engine.study.charts import COLOURS, MARKERS
from engine.study.page import markdown, verdict
from engine.study.table import Figures, Mean
from model.targets.value_losses import LossName
from notebooks.examples.cells import CURVE, Cell
from notebooks.examples.grid import QUESTIONS, Question

Table = dict[Cell, Figures]

RESAMPLES = 1000
OURS: LossName = "hl-gauss"
BASELINE: LossName = "squared-error"


class Interval(Mean):
    """An aggregate over seeds and games, with the 95 % interval of the bootstrap."""

    def text(self, sign: str = "") -> str:
        """As text; ``sign``: that of Python's format, ``+`` for differences."""
        return f"{self.mean:{sign}.3g} ({self.low:{sign}.3g} to {self.high:{sign}.3g})"


def scores(question: Question, loss: LossName, value, table: Table) -> np.ndarray | None:
    """[seeds, games]: the scores of the seeds for which all games are done, or None."""
    rows = []
    for seed in range(question.seeds):
        cells = [question.cell(loss, value, seed, game) for game in question.games]
        if all(cell in table for cell in cells):
            rows.append([table[cell]["score"] for cell in cells])
    return np.array(rows, float) if len(rows) > 1 else None


def aggregate(of: Callable[..., float], *matrices: np.ndarray) -> Interval:
    """A statistic of matrices [seeds, games], with the interval of the stratified bootstrap.

    The same for the same matrices: rliable draws from NumPy's global generator, whatever
    ``random_state`` it is given, so that one is seeded meanwhile.
    """
    data: Any = {"": matrices[0] if len(matrices) == 1 else matrices}
    before = np.random.get_state()
    np.random.seed(0)
    try:
        points, intervals = library.get_interval_estimates(
            data, lambda *drawn: np.array([of(*drawn)]), reps=RESAMPLES
        )
    finally:
        np.random.set_state(before)
    (point,), ((low,), (high,)) = points[""], intervals[""]
    return Interval(float(point), float(low), float(high))


def mean_of(matrix: np.ndarray) -> float:
    """The interquartile mean."""
    return metrics.aggregate_iqm(matrix)


def advantage(ours: np.ndarray, theirs: np.ndarray) -> float:
    """By how much the first interquartile mean is higher."""
    return mean_of(ours) - mean_of(theirs)


def growth(ours: np.ndarray, theirs: np.ndarray, before: np.ndarray, than: np.ndarray) -> float:
    """By how much an advantage is larger than another one."""
    return advantage(ours, theirs) - advantage(before, than)


@dataclass(frozen=True)
class Effect:
    """A difference that a claim is about; above 0 it speaks for the claim."""

    label: str
    seeds: int
    difference: Interval
    baseline: float | None = None
    """The score of squared error, unless this is a difference of differences."""


def effects(question: Question, table: Table) -> list[Effect]:
    """HL-Gauss against squared error at each value of the factor, and how much more at the last
    value than at the first; for a question with one value, each loss against squared error."""
    found: list[Effect] = []
    pairs: list[tuple[LossName, Any, str]] = []
    name = question.factor.replace("_", " ")
    first, last = question.values[0], question.values[-1]
    for value in question.values:
        if first != last:
            pairs.append((OURS, value, f"{name} {question.label(value)}"))
            continue
        for loss in question.losses:
            if loss != BASELINE:
                pairs.append((loss, value, f"{loss} against {BASELINE}"))
    matrices = {}
    for loss, value, label in pairs:
        ours, theirs = (scores(question, each, value, table) for each in (loss, BASELINE))
        if ours is not None and theirs is not None:
            matrices[value] = ours, theirs
            seeds = min(len(ours), len(theirs))
            difference = aggregate(advantage, ours, theirs)
            found.append(Effect(label, seeds, difference, mean_of(theirs)))
    if first != last and first in matrices and last in matrices:
        drawn = (*matrices[last], *matrices[first])
        ends = question.label(last), question.label(first)
        label = f"{name} {ends[0]} minus that at {ends[1]}"
        found.append(Effect(label, min(map(len, drawn)), aggregate(growth, *drawn)))
    return found


def claims_text(table: Table) -> str:
    """The claims as a Markdown table, with the difference that decides each and what it says."""
    rows = []
    for question in QUESTIONS.values():
        if question.factor == "learning_rate":
            continue
        first = f"**{question.claim}** ({question.base.example})"
        for effect in effects(question, table):
            says = verdict(effect.difference, effect.seeds == question.seeds)
            text = effect.difference.text("+")
            text = f"**{text}**" if says in ("holds", "the opposite") else text
            score = "" if effect.baseline is None else f"{effect.baseline:.3g}"
            rows.append((first, effect.label, effect.seeds, score, text, says))
            first = ""
        if first:
            rows.append((first, "not yet run", "", "", "", ""))
    titles = ("claim", "by", "seeds", f"score of {BASELINE}", "difference", "verdict")
    return markdown(titles, rows)


def means_text(question: Question, table: Table) -> str:
    """The interquartile means of a question's scores by loss and value, as a Markdown table."""
    rows = []
    for loss in question.losses:
        found = [scores(question, loss, value, table) for value in question.values]
        rows.append((loss, *("" if m is None else aggregate(mean_of, m).text() for m in found)))
    name = question.factor.replace("_", " ")
    values = (f"{name} {question.label(value)}" for value in question.values)
    return markdown(("loss", *values), rows)


def curves(question: Question, loss: LossName, value, table: Table) -> np.ndarray | None:
    """[points]: the mean over seeds and games of the scores during the training, or None."""
    found = [
        [table[cell][name] for name in CURVE]
        for seed in range(question.seeds)
        for game in question.games
        if (cell := question.cell(loss, value, seed, game)) in table
    ]
    return np.array(found, float).mean(axis=0) if found else None


def chart(question: Question, table: Table):
    """Left: scores during the training, at the factor's last value; right: final scores with their
    intervals, by the factor, or by loss if it has one value."""
    figure, (left, right) = new_figure(columns=2, width=4.2, height=3.0)
    last = question.values[-1]
    for loss in question.losses:
        drawn = curves(question, loss, last, table)
        if drawn is not None:
            share = np.linspace(0, 100, len(drawn) + 1)[1:]
            left.plot(share, drawn, color=COLOURS[loss], label=loss, linewidth=1.4)
    name = question.factor.replace("_", " ")
    at = "" if len(question.values) == 1 else f", {name} {question.label(last)}"
    left.set(xlabel=f"% of the training{at}", ylabel="score")
    if left.get_lines():
        left.legend(frameon=False, fontsize=8)
    for row, loss in enumerate(question.losses):
        found = [(value, scores(question, loss, value, table)) for value in question.values]
        known = [(v, aggregate(mean_of, m)) for v, m in found if m is not None]
        means = np.array([(of.mean, of.low, of.high) for _, of in known]).reshape(-1, 3)
        errors = np.abs(means[:, 1:].T - means[:, 0])
        style = {"color": COLOURS[loss], "marker": MARKERS[loss], "ms": 5, "capsize": 2}
        if len(question.values) == 1:
            right.errorbar(means[:, 0], [row] * len(known), xerr=errors, linestyle="", **style)
        else:
            places = [question.values.index(value) + 0.06 * row for value, _ in known]
            right.errorbar(places, means[:, 0], yerr=errors, **style)
    if len(question.values) == 1:
        right.set_yticks(range(len(question.losses)), question.losses, fontsize=8)
        right.invert_yaxis()
        right.set_xlabel("final score")
    else:
        right.set_xticks(range(len(question.values)), map(question.label, question.values))
        right.set(xlabel=name, ylabel="final score")
    figure.suptitle(f"{question.name}: {question.seeds} seeds, 95 % intervals", fontsize=11)
    return figure
