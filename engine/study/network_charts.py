"""Charts of a network's outputs and attention: distributions of moves, attention on relations."""

from collections.abc import Sequence

import numpy as np

from engine.play.analysis import Analysis
from engine.report.charts import BLUE, FAINT, INK, ORANGE, new_figure


def move_ridges(analysis: Analysis, shown: int = 12):
    """The distributions of the best moves in rows, with a line at each mean.

    A move that the rules decide has all its mass in one bin: its bar is clipped.
    """
    count = min(shown, len(analysis.moves))
    figure, (axis,) = new_figure(width=7.0, height=0.9 + 0.34 * count)
    masses = analysis.outcomes[:count]
    open_moves = [verdict is None for verdict in analysis.verdicts[:count]]
    top = masses[open_moves].max() if any(open_moves) else masses.max()
    for row in range(count):
        heights = np.minimum(masses[row] / top, 1.0) * 1.6
        colour = ORANGE if row == 0 else BLUE
        edges = np.linspace(0, 1, len(heights) + 1)
        axis.stairs(heights - row, edges, baseline=-row, fill=True, color=colour, alpha=0.65)
        mean = analysis.win_probs[row]
        axis.plot([mean, mean], [-row, 0.7 - row], color=INK, linewidth=1.4)
    names = [analysis.board.san(move) for move in analysis.moves[:count]]
    labels = [
        f"{name}   {100 * p:.1f} %"
        for name, p in zip(names, analysis.win_probs[:count], strict=True)
    ]
    axis.set_yticks([-row for row in range(count)], labels)
    axis.set(xlim=(0, 1), ylim=(0.25 - count, 1.7), xlabel="win probability of the side to move")
    axis.spines["left"].set_visible(False)
    return figure


def relation_table(mass: np.ndarray, chance: np.ndarray, relations: Sequence[str], title: str):
    """mass: [L, H, R], chance: [R] -> a table of percentages, darker for less attention.

    It has a row for each head, by layer; the first row is for uniform attention over all squares.
    """
    layers, heads, count = mass.shape
    rows = np.concatenate([chance[None], mass.reshape(-1, count)])
    figure, (axis,) = new_figure(width=5.6, height=0.8 + 0.21 * len(rows))
    axis.grid(False)
    axis.imshow(rows, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), number in np.ndenumerate(rows):
        ink = "#ffffff" if number < 0.5 else "#111111"
        text = f"{100 * number:.0f} %"
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    names = [f"layer {i + 1}, head {j + 1}" for i in range(layers) for j in range(heads)]
    axis.set_yticks(range(len(rows)), ["equal weights", *names], fontsize=8)
    axis.set_xticks(range(count), relations, fontsize=9)
    axis.xaxis.tick_top()
    for row in range(layers):
        axis.axhline(0.5 + row * heads, color=FAINT, linewidth=1.5)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=10)
    return figure
