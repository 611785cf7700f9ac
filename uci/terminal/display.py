"""Value distributions and analyses for the terminal, drawn with rich."""

from collections.abc import Mapping

import numpy as np
from rich.table import Table
from rich.text import Text

from engine.play.analysis import Analysis
from engine.play.rules import CHECKMATE

LEVELS = " ▁▂▃▄▅▆▇█"
ASCII_LEVELS = " .:-=+*%#"
CHART_WIDTH = 24
LEAST_CHART_WIDTH = 8
ALWAYS_SHOWN, RESULTS = 33, 15
"""Widths of the first four columns together, and of the one with wins, draws and losses."""


def sparkline(distribution: np.ndarray, width: int = CHART_WIDTH, ascii_only: bool = False) -> Text:
    """[K] probabilities -> a line of blocks from loss (red) to win (green), scaled to the
    highest."""
    edges = np.linspace(0, len(distribution), width + 1)
    cumulative = np.concatenate([[0], np.cumsum(distribution)])
    masses = np.diff(np.interp(edges, np.arange(len(cumulative)), cumulative))
    heights = np.ceil(masses / masses.max() * (len(LEVELS) - 1) - 0.25).astype(int)
    text = Text()
    for i, height in enumerate(heights):
        text.append((ASCII_LEVELS if ascii_only else LEVELS)[height], _colour((i + 0.5) / width))
    return text


def _colour(win_prob: float) -> str:
    """A colour from red over amber to green, readable on white and on black."""
    anchors = np.array([(0xD0, 0x34, 0x2C), (0x9A, 0x74, 0x00), (0x2E, 0x8B, 0x3E)])
    mixed = (np.interp(win_prob, (0, 0.5, 1), channel) for channel in anchors.T)
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def score_text(analysis: Analysis, i: int) -> str:
    """``#1`` for a mate, otherwise signed pawns, for the side to move."""
    if analysis.verdicts[i] == CHECKMATE:
        return "#1"
    return f"{analysis.scores_cp[i] / 100:+.2f}"


def analysis_table(
    analysis: Analysis, most: int | None = None, width: int = 80, ascii_only: bool = False
) -> Table:
    """The moves, best first, with their distributions; at most ``most`` rows.

    ``width``: characters per line. If it is too small, the distributions are left out first, then
    the shares of wins, draws and losses.
    """
    chart = min(CHART_WIDTH, width - ALWAYS_SHOWN - RESULTS - 2)
    arrows = "lost <- outcomes -> won" if ascii_only else "lost ← outcomes → won"
    optional = {
        "win draw loss": width >= ALWAYS_SHOWN + RESULTS,
        arrows if chart >= len(arrows) else "outcomes": chart >= LEAST_CHART_WIDTH,
    }
    names = ["", "move", "expected", "pawns", *(name for name, fits in optional.items() if fits)]
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in names:
        left = name == "move" or "outcomes" in name
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    results, outcomes = analysis.win_draw_loss, analysis.outcomes
    for i, move in enumerate(analysis.moves[:most]):
        verdict = analysis.verdicts[i]
        row = [
            str(i + 1),
            Text(analysis.board.san(move), "bold"),
            f"{analysis.win_probs[i]:.1%}",
            score_text(analysis, i),
            "  ".join(f"{100 * share:3.0f}" for share in results[i]),
            Text(verdict.reason, "italic")
            if verdict
            else sparkline(outcomes[i], max(chart, 1), ascii_only),
        ]
        table.add_row(*row[: len(names)])
    return table


def commands_table(commands: Mapping[str, str]) -> Table:
    """The commands and their meanings, one per line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for command, meaning in commands.items():
        table.add_row("  " + command, meaning)
    return table
