"""The sections of a network's report, each from the JSON object of the command that measures it."""

from collections.abc import Iterator, Mapping, Sequence

import chess
import numpy as np

from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import move_of
from engine.play.analysis import Analysis
from engine.report import charts
from engine.report.page import figure, folded, paragraph, percent_span, section, span, table
from engine.report.position_picture import halves, picture
from model.evaluation.evaluate import FIGURES
from model.network.network_file import Network, training_runs

# Positions with typical values: quiet, tactical, endgames.
GALLERY = (
    ("The first move", chess.STARTING_FEN),
    ("Italian game", "r1bqk1nr/pppp1ppp/2n5/2b1p3/2B1P3/5N2/PPPP1PPP/RNBQK2R w KQkq - 4 4"),
    ("Légal's mate is on", "r2qkbnr/ppp2ppp/2np4/4p3/2B1P1b1/2N2N2/PPPP1PPP/R1BQK2R w KQkq - 0 5"),
    ("A fork to find", "r3k2r/ppp2ppp/2n5/3N4/8/8/PPP2PPP/R3K2R w KQkq - 0 1"),
    ("A pawn endgame", "8/5p2/5k2/5p2/3K1P2/6P1/8/8 w - - 0 1"),
    ("Rook and pawn", "1K1k4/1P6/8/8/8/8/r7/2R5 w - - 0 1"),
)


def card(network: Network) -> str:
    """The network; its configuration and its training runs are in folded tables."""
    rows: list[tuple[str, object]] = [
        ("name", network.name),
        ("architecture", network.config.architecture),
        ("parameters", f"{network.parameter_count:,}"),
        ("licence", network.licence),
    ]
    runs = training_runs(network.training)
    lines = [(number, *(run.get(key, "") for key in _RUN)) for number, run in enumerate(runs, 1)]
    parts = [table(("", ""), rows)]
    if runs:
        head = ("", *(key.replace("_", " ") for key in _RUN))
        title = f"Training: {len(runs)} run{'s' * (len(runs) > 1)}, the last one first"
        parts.append(folded(title, table(head, lines)))
        config = table(("", ""), _scalars(runs[0].get("config", {})))
        parts.append(folded("Configuration of the last run", config))
    return section("The network", *parts)


_RUN = ("steps", "positions_seen", "hours", "teacher")


def _scalars(record: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The scalar entries of nested mappings, by path."""
    for key, value in record.items() if isinstance(record, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{key}: ")
        elif not isinstance(value, list):
            yield f"{prefix}{key}".replace("_", " "), value


def learning(lines: Sequence[Mapping]) -> str:
    """The learning curve, from the evaluations in a run's ``metrics.jsonl``."""
    found = [line for line in lines if line.get("kind") == "evaluation"]
    if not found:
        return section("Learning", paragraph("The run's log has no evaluations."))
    names = [n for n in ("agreement", "regret", "squared_error") if n in found[0]]
    series = {name.replace("_", " "): [float(line[name]) for line in found] for name in names}
    steps = [float(line["step"]) for line in found]
    chart = charts.page_svgs(charts.learning_curve, steps, series, "step")
    caption = "Figures on held-out positions in the course of training."
    return section("Learning", figure(chart, caption))


def puzzles(figures: Mapping) -> str:
    """The solve rate, from ``argmax puzzles --json``."""
    low, high = figures["interval_95"]
    text = (
        f"{figures['solved']} of {figures['total']} puzzles solved from first move to last: "
        f"{figures['solve_rate']:.1%} (95 %: {low:.1%} to {high:.1%})."
    )
    rating = figures.get("puzzle_rating")
    if rating:
        text += f" The solve rate is 50 % at puzzle rating {rating['rating']:.0f}"
        text += f" ({span(rating['interval_95'], 0)})."
    rows = [
        (
            f"{b['from']}-{b['to']}",
            b["total"],
            f"{b['solve_rate']:.1%}",
            percent_span(b["interval_95"]),
        )
        for b in figures["bands"]
    ]
    chart = charts.page_svgs(charts.solve_curve, dict(figures), "Puzzles solved by rating")
    head = ("rating", "puzzles", "solved", "95 %")
    caption = "The number of puzzles is above each point."
    return section(
        "Puzzles",
        paragraph(text),
        figure(chart, caption),
        table(head, rows),
    )


def ladder(figures: Mapping) -> str:
    """The rating, from ``argmax ladder --json``."""
    text = f"{figures['elo']:.0f} Elo (95 %: {span(figures['interval_95'], 0)}), "
    text += f"from {figures['games']} games."
    rows = [(p["a"], p["b"], p["wins"], p["draws"], p["losses"]) for p in figures["pairings"]]
    times = ", ".join(f"{name} {ms:.0f} ms" for name, ms in figures["ms_per_move"].items())
    return section(
        "Rating against Stockfish's levels",
        paragraph(text),
        table(("a", "b", "wins", "draws", "losses"), rows),
        paragraph(f"Time per move: {times}."),
        paragraph(figures["scale"], faint=True),
    )


def quality(figures: Mapping) -> str:
    """Agreement, regret and other metrics, from ``argmax evaluate --json``."""
    intervals = figures["intervals_95"]
    rows = [
        (name.replace("_", " "), f"{figures[name]:.4f}", span(intervals[name]))
        for name in (*FIGURES, "calibration_error")
        if figures[name] is not None
    ]
    phases = []
    for name, part in figures["by_phase"].items():
        cells = ("" if part[key] is None else f"{part[key]:.4f}" for key in _PHASE_COLUMNS)
        phases.append((name, part["positions"], *cells))
    title = "Reliability of the expected value"
    measured = (figures["reliability"], figures["pit_histogram"])
    chart = charts.page_svgs(charts.calibration, *measured, title)
    return section(
        "Agreement with the teacher, and calibration",
        paragraph(f"{figures['positions']} positions, {figures['moves']} moves; bare network."),
        table(("figure", "all", "95 %"), rows),
        table(("phase", "positions", *(c.replace("_", " ") for c in _PHASE_COLUMNS)), phases),
        figure(chart, "Calibrated: points on the line, bars at 1."),
    )


_PHASE_COLUMNS = ("agreement", "regret", "kendall_tau_b", "squared_error")


def gallery(analyses: Sequence[tuple[str, Analysis]]) -> str:
    """Chosen positions with their best moves."""
    shown = [figure(halves(picture(analysis)), title) for title, analysis in analyses]
    return section("Positions", *shown)


def mistakes(found: Sequence[tuple[PositionRecord, Analysis]]) -> str:
    """The worst mistakes: the teacher's best move against the network's."""
    shown = []
    for record, analysis in found:
        board = record.board
        moves = [move_of(action) for action in record.actions]
        values = dict(zip(moves, record.win_probs, strict=True))
        chosen, best = analysis.best, max(values, key=lambda move: values[move])
        caption = (
            f"{board.fen()}: the network plays {board.san(chosen)}, which the teacher values at "
            f"{values[chosen]:.2f}; best is {board.san(best)} (black arrow) with "
            f"{values[best]:.2f}: a loss of {values[best] - values[chosen]:.2f}."
        )
        shown.append(figure(halves(picture(analysis, teacher=best)), caption))
    text = "The positions of the test split in which the network's move loses most."
    return section("The worst mistakes", paragraph(text), *shown)


def worst(regret: np.ndarray, count: int) -> list[int]:
    """[N] -> the indices of the ``count`` largest values above 0, largest first; NaNs are
    ignored."""
    order = np.argsort(-np.nan_to_num(regret, nan=-1.0), kind="stable")[:count]
    return [int(i) for i in order if regret[i] > 0]
