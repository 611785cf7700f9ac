"""Charts with matplotlib, as SVG text, PNG bytes or a file (.svg, .png)."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.stats import PLY_STEP
from data_pipeline.encoding.phases import PHASES

INK, FAINT, BLUE, ORANGE = "#7b7b84", "#a1a1aa", "#2f7ed8", "#e8890c"
SPLIT_COLOURS = (BLUE, ORANGE, "#1a9e77")
PAGE_COLOURS = """
svg { --ink: #27272a; --faint: #71717a; }
@media (prefers-color-scheme: dark) { svg { --ink: #f4f4f5; --faint: #a1a1aa; } }
"""
FORMATS = (".svg", ".png")


def check_picture_path(path: Path | None) -> None:
    """Raise InputError if a chart could not be saved under that name."""
    if path is not None and path.suffix not in FORMATS:
        raise InputError(f"expected a picture named {' or '.join(FORMATS)}, found {path}")


def save(figure, path: Path) -> None:
    """Write a chart in the format of the file name; the same chart gives the same file."""
    with _same_ids():
        figure.savefig(path, format=path.suffix[1:], metadata=_metadata(path.suffix), dpi=150)


def svg(figure, **options) -> str:
    """A chart as an ``<svg>`` element to embed in HTML; ``options`` are those of matplotlib."""
    buffer = io.StringIO()
    with _same_ids():
        figure.savefig(buffer, format="svg", metadata=_metadata(".svg"), **options)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


@contextmanager
def for_any_page() -> Iterator[None]:
    """In this context charts have no background, and colours that suit light and dark pages."""
    import matplotlib

    parts = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    clear = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    with matplotlib.rc_context(dict.fromkeys(parts, INK)):
        matplotlib.rcParams.update(dict.fromkeys(clear, "none"))
        yield


def page_svgs(draw: Callable, *args, **options) -> list[str]:
    """The chart that ``draw`` returns, with a separate ``<svg>`` for each panel, so that panels can
    be stacked on a narrow screen.

    They have no background; their text and axes are dark on a light page and light on a dark one.
    """
    with for_any_page():
        panels = list(_panels(draw(*args, **options)))
    pictures = []
    for text in panels:
        for colour, name in ((INK, "ink"), (FAINT, "faint")):
            text = text.replace(colour, f"var(--{name})")
        start = text.index(">") + 1
        pictures.append(f"{text[:start]}<style>{PAGE_COLOURS}</style>{text[start:]}")
    return pictures


def _panels(figure) -> Iterator[str]:
    """Each panel of a chart as an ``<svg>``; the first one includes the chart's legend."""
    shown = [axis for axis in figure.axes if axis.axison]
    for legend in figure.legends:
        legend.remove()
        shown[0].legend(frameon=False)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # keeps the positions of panels while others are hidden
    for panel in shown:
        for axis in figure.axes:
            axis.set_visible(axis is panel)
        inches = figure.dpi_scale_trans.inverted()
        yield svg(figure, bbox_inches=panel.get_tightbbox().transformed(inches).padded(0.08))


def png(figure, dpi: int = 110) -> bytes:
    """A chart as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata=_metadata(".png"), dpi=dpi, facecolor="none")
    return buffer.getvalue()


@contextmanager
def _same_ids() -> Iterator[None]:
    """Make the ids in an SVG reproducible: by default matplotlib salts their hashes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "argmax"}):
        yield


def _metadata(suffix: str) -> dict:
    return {"Date": None, "Creator": "Argmax"} if suffix == ".svg" else {"Software": "Argmax"}


def new_figure(columns: int = 1, width: float = 6.4, height: float = 4.0, rows: int = 1):
    """An empty figure and its axes, row by row; does not use pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color=FAINT, alpha=0.25, linewidth=0.6)
        axis.set_axisbelow(True)
    return figure, axes


def solve_curve(figures: dict, title: str):
    """The solve rate by puzzle rating with intervals, and the curve, of a `puzzle_summary`."""
    figure, (axis,) = new_figure(width=5.0, height=3.6)
    bands = figures["bands"]
    centres = np.array([(band["from"] + band["to"]) / 2 for band in bands])
    rates = np.array([band["solve_rate"] for band in bands])
    low, high = np.array([band["interval_95"] for band in bands]).T
    errors = [np.maximum(rates - low, 0), np.maximum(high - rates, 0)]
    axis.errorbar(centres, rates, errors, fmt="o", color=BLUE, capsize=3, label="solved, 95 %")
    fitted = figures["puzzle_rating"]
    if fitted is not None:
        x = np.linspace(centres.min() - 100, centres.max() + 100, 200)
        y = 1 / (1 + np.exp((x - fitted["rating"]) / fitted["scale"]))
        spread = (fitted["interval_95"][1] - fitted["interval_95"][0]) / 2
        label = f"logistic fit: 50 % at {fitted['rating']:.0f} ± {spread:.0f}"
        axis.plot(x, y, color=ORANGE, label=label)
        axis.axvspan(*fitted["interval_95"], color=ORANGE, alpha=0.15, linewidth=0)
    for x, y, band in zip(centres, high, bands, strict=True):
        axis.annotate(
            f"{band['total']}", (x, y), (0, 4), textcoords="offset points", ha="center",
            fontsize=7, color=FAINT,
        )  # fmt: skip
    axis.set(xlabel="puzzle rating", ylabel="share solved", ylim=(0, 1.08), title=title)
    axis.legend(frameon=False, loc="upper right")
    return figure


def calibration(curve: list[dict], pit: list[float], title: str):
    """The reliability curve of the expected value, and the PIT histogram of the distributions."""
    figure, (left, right) = new_figure(columns=2, width=4.8, height=4.2)
    predicted = np.array([point["predicted"] for point in curve])
    teacher = np.array([point["teacher"] for point in curve])
    low = np.array([point["low"] for point in curve])
    high = np.array([point["high"] for point in curve])
    errors = np.nan_to_num([np.maximum(teacher - low, 0), np.maximum(high - teacher, 0)])
    left.plot([0, 1], [0, 1], color=FAINT, linewidth=1, label="calibrated")
    left.errorbar(predicted, teacher, errors, fmt="o", ms=4, color=BLUE, capsize=2, label="network")
    left.set(
        xlabel="predicted win probability", ylabel="mean of the teacher's", title=title,
        xlim=(0, 1), ylim=(0, 1), aspect="equal",
    )  # fmt: skip
    left.legend(frameon=False)
    edges = np.linspace(0, 1, len(pit) + 1)
    right.bar(
        edges[:-1], np.array(pit) * len(pit), 1 / len(pit), align="edge", color=BLUE, alpha=0.7
    )
    right.axhline(1.0, color=INK, linewidth=1, label="calibrated")
    right.set(
        xlabel="predicted probability below the teacher's value", ylabel="density",
        title="PIT histogram", xlim=(0, 1),
    )  # fmt: skip
    right.legend(frameon=False)
    return figure


def learning_curve(steps: list[float], series: dict[str, list[float]], xlabel: str):
    """Metrics over the course of training, one panel each."""
    figure, axes = new_figure(columns=max(1, len(series)), width=3.4, height=2.8)
    for axis, (name, values) in zip(axes, series.items(), strict=False):
        axis.plot(steps, values, color=BLUE, marker="o", markersize=3)
        axis.set(title=name, xlabel=xlabel)
    return figure


def dataset_stats(splits: Mapping[str, Mapping], edges: Sequence[float], title: str):
    """Shares of positions by value, number of pieces, ply and phase, from the counts of each split
    (`data_pipeline.dataset.stats.Stats.as_json`). ``edges`` [K+1]: edges of the value bins.

    Plies are left out if none are known. Values that never occur are drawn as 0.
    """
    shown = {name: counts for name, counts in splits.items() if counts["positions"]}
    known = {name: {k: n for k, n in of["plies"].items() if k >= 0} for name, of in shown.items()}
    labels = {"win probability of the best move": "value_bins", "men on the board": "men"}
    labels |= {"ply": "plies"} if any(known.values()) else {}
    labels |= {"phase": "phases"}
    figure, axes = new_figure(columns=2, width=4.8, height=3.2, rows=(len(labels) + 1) // 2)
    for axis, (label, name) in zip(axes, labels.items(), strict=False):
        for number, (split, of) in enumerate(shown.items()):
            counts = known[split] if name == "plies" else of[name]
            text = f"{split} ({of['positions']:,})"
            colour = SPLIT_COLOURS[number % len(SPLIT_COLOURS)]
            if name == "phases":
                places = np.arange(len(PHASES)) + (number - (len(shown) - 1) / 2) * 0.25
                shares = [counts.get(phase, 0) / of["positions"] for phase in PHASES]
                axis.bar(places, shares, 0.25, color=colour, label=text)
                axis.set_xticks(range(len(PHASES)), PHASES)
            elif counts:
                bounds = _bounds(name, counts, edges)
                keys = range(len(edges) - 1) if name == "value_bins" else bounds[:-1]
                shares = [counts.get(key, 0) / of["positions"] for key in keys]
                axis.stairs(shares, bounds, color=colour, label=text, linewidth=1.4)
        axis.set(xlabel=label, ylabel="share of positions")
        axis.set_ylim(bottom=0)
    for axis in axes[len(labels) :]:
        axis.set_axis_off()
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=max(1, len(shown)), frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _bounds(name: str, counts: Mapping[int, int], edges: Sequence[float]) -> Sequence[float]:
    """The edges of the steps, from the first value that occurs to the last."""
    if name == "value_bins":
        return edges
    step = PLY_STEP if name == "plies" else 1
    return range(min(counts), max(counts) + 2 * step, step)
