"""Charts of a study: for each sweep a figure with one panel per metric."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from engine.report.charts import BLUE, INK, new_figure
from engine.study.claims import FALLING
from engine.study.grid import Sweep
from engine.study.table import Point
from model.targets.value_losses import LOSSES

if TYPE_CHECKING:
    from engine.study.recipe_trials import Comparison

PANELS = {
    "agreement": "agreement with the teacher",
    "regret": "win probability given away",
    "kendall_tau_b": "rank correlation (tau-b)",
    "squared_error": "squared error",
    "calibration_error": "calibration error",
}
PROBED = {
    "material_balance": "material balance",
    "king_safety": "king safety",
    "game_phase": "game phase",
}
FACTORS = {
    "size": "size of the network",
    "noise": "width of the uniform noise",
    "flips": "share of flipped targets",
    "bins": "bins",
    "sigma_bins": "sigma / bin width",
    "learning_rate": "learning rate / usual",
    "plies": "plies to the next value (1000: to the result)",
    "target": "target: the loss's own kind, or the other",
    "target_network": "target network",
}
LOGARITHMIC = ("size", "bins", "sigma_bins", "learning_rate", "plies")
# Distinct for most colour-blind eyes (Okabe and Ito 2008).
COLOURS = dict(
    zip(LOSSES, ("#D55E00", "#E69F00", "#56B4E9", "#999999", "#0072B2", "#009E73"), strict=True)
)
MARKERS = dict(zip(LOSSES, "sD^vo*", strict=True))


def sweep_chart(sweep: Sweep, points: Sequence[Point], title: str):
    """A sweep's metrics with 95 % intervals, by factor, or by loss if the factor has one value.

    The background is white, except in `charts.for_any_page`.
    """
    figure, axes = new_figure(columns=3, rows=2, width=3.3, height=2.8)
    for place, (axis, (name, label)) in enumerate(zip(axes, PANELS.items(), strict=False)):
        if len(sweep.values) == 1:
            _by_loss(axis, name, points, named=place % 3 == 0)
        else:
            _by_factor(axis, name, sweep, points)
            axis.set_xlabel(FACTORS[sweep.factor])
        axis.set_title(label, fontsize=10)
    axes[-1].set_axis_off()
    if len(sweep.values) > 1:
        axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center", frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def probe_chart(points: Sequence[Point], untrained: Sequence[Point], title: str):
    """R^2 of the linear probes by loss; dashed: that of untrained trunks."""
    figure, axes = new_figure(columns=3, width=3.3, height=2.8)
    for place, (axis, (name, label)) in enumerate(zip(axes, PROBED.items(), strict=True)):
        _by_loss(axis, name, points, named=place == 0)
        for point in untrained:
            axis.axvline(point.figures[name].mean, color=INK, linestyle="--", linewidth=1)
        axis.set_title(label, fontsize=10)
        axis.set_xlabel("$R^2$")
    figure.suptitle(title, fontsize=11)
    return figure


def recipe_chart(comparison: "Comparison"):
    """Each variant's differences from the base with 95 % intervals, and which direction is
    better."""
    shown = [result for result in comparison.variants if result.variant]
    comparable = ("agreement", "regret", "kendall_tau_b", "squared_error")  # for any bins
    labels = {name: PANELS[name] for name in comparable}
    height = 0.9 + 0.24 * len(shown)
    figure, axes = new_figure(columns=4, width=3.2, height=height)
    for place, (axis, (name, label)) in enumerate(zip(axes, labels.items(), strict=True)):
        means = np.array([astuple(result.differences[name]) for result in shown]).reshape(-1, 3)
        errors = np.abs(means[:, 1:].T - means[:, 0])
        errors[~np.isfinite(errors)] = 0
        axis.axvline(0, color=INK, linestyle="--", linewidth=1)
        axis.errorbar(
            means[:, 0], range(len(shown)), xerr=errors, fmt="o", ms=4, color=BLUE, capsize=2
        )
        names = [result.variant if place == 0 else "" for result in shown]
        axis.set_yticks(range(len(shown)), names, fontsize=8)
        axis.set_ylim(max(len(shown), 1) - 0.5, -0.5)
        axis.set_title(label, fontsize=10)
        axis.set_xlabel("← better" if name in FALLING else "better →", fontsize=9)
        axis.locator_params(axis="x", nbins=5)
        axis.tick_params(axis="x", labelsize=8)
    base = comparison.base or "the recipe as it is"
    title = f"differences from {base}: {comparison.steps} steps, 95 % intervals over seeds"
    figure.suptitle(title, fontsize=11)
    return figure


def _by_loss(axis, name: str, points: Sequence[Point], named: bool) -> None:
    """A dot for each loss, in rows."""
    for row, point in enumerate(points):
        _errorbar(axis, name, [point], [row], horizontal=True)
    names = [point.loss if named else "" for point in points]
    axis.set_yticks(range(len(points)), names, fontsize=8)
    axis.invert_yaxis()
    axis.locator_params(axis="x", nbins=4)


def _by_factor(axis, name: str, sweep: Sweep, points: Sequence[Point]) -> None:
    """A line for each loss."""
    logarithmic = sweep.factor in LOGARITHMIC
    named = isinstance(sweep.values[0], str) and sweep.factor != "size"
    if logarithmic:
        axis.set_xscale("log")
    places = {}
    for point in points:
        if named:
            places[point.value] = sweep.values.index(point.value)
        else:
            places[point.value] = point.parameters if sweep.factor == "size" else float(point.value)
    for number, loss in enumerate(sweep.losses):
        of_loss = [point for point in points if point.loss == loss and name in point.figures]
        if not of_loss:
            continue
        at = np.array([places[point.value] for point in of_loss])
        shift = number - (len(sweep.losses) - 1) / 2  # so that error bars do not overlap
        span = 1 if named else 0 if logarithmic else max(sweep.values)
        at = at * 1.03**shift if logarithmic else at + shift * span * 0.012
        _errorbar(axis, name, of_loss, at)
    if logarithmic or named:
        axis.set_xticks(list(places.values()), [f"{value}" for value in places])
        axis.minorticks_off()


def _errorbar(axis, name: str, points: Sequence[Point], places, horizontal: bool = False) -> None:
    means = np.array([point.figures[name].mean for point in points])
    low = np.array([point.figures[name].low for point in points])
    high = np.array([point.figures[name].high for point in points])
    errors = np.where(np.isfinite([means - low, high - means]), [means - low, high - means], 0)
    loss = points[0].loss
    style = {
        "color": COLOURS[loss], "marker": MARKERS[loss], "markersize": 5, "linewidth": 1.2,
        "capsize": 2, "label": loss, "ecolor": COLOURS[loss], "elinewidth": 1,
    }  # fmt: skip
    if horizontal:
        axis.errorbar(means, places, xerr=errors, **style)
    else:
        axis.errorbar(places, means, yerr=errors, **style)
