"""A match as a live table on stderr: score, Elo, superiority, draws, moves/s, time left."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from engine.match.game import GameRecord
from engine.match.summary import report
from engine.rating.sprt import Sprt

REFRESH_S = 2.0  # least time between two fits of the ratings
LINE_S = 60.0  # time between lines if stderr is not a terminal


class MatchTable(AbstractContextManager):
    """Shows the progress of a match of ``total`` games, of which ``resumed`` were read from a
    file."""

    def __init__(self, total: int, resumed: int, sprt: Sprt | None, console: Console) -> None:
        self.total, self.resumed, self.sprt = total, resumed, sprt
        self.console = console
        self._start = time.monotonic()
        self._shown = self._start
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "MatchTable":
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, records: Sequence[GameRecord]) -> None:
        """Call it after each game; from time to time it redraws the table or prints a line."""
        now = time.monotonic()
        if now - self._shown < (REFRESH_S if self.console.is_terminal else LINE_S):
            return
        self._shown = now
        if not self.console.is_terminal:
            self.console.print(self._pace(records, now), highlight=False)
            return
        figures = report(records, self.sprt)
        self._live.update(Group(table(figures), self._pace(records, now)), refresh=True)

    def _pace(self, records: Sequence[GameRecord], now: float) -> str:
        seconds = max(now - self._start, 1e-3)
        fresh = records[self.resumed :]
        moves = sum(len(record.moves) for record in fresh)
        left = (self.total - len(records)) * seconds / max(len(fresh), 1)
        return (
            f"{len(records)} of {self.total} games, {moves / seconds:.0f} moves/s, "
            f"{left / 60:.1f} minutes left"
        )


def table(figures: dict) -> Table:
    """The pairings of a summary of `engine.match.summary.report` as a table."""
    grid = Table("a", "b", "+", "=", "-", "score", "Elo", "95 %", "superior", "draws")
    for line in figures["pairings"]:
        games = line["wins"] + line["draws"] + line["losses"]
        low, high = line["elo_interval_95"]
        row = [line["a"], line["b"], *(str(line[key]) for key in ("wins", "draws", "losses"))]
        row += [f"{line['score']:.1%}", f"{line['elo']:+.0f}", f"{low:+.0f} to {high:+.0f}"]
        row += [f"{line['likelihood_of_superiority']:.1%}", f"{line['draws'] / games:.0%}"]
        grid.add_row(*row)
        if "sprt" in line:
            test = line["sprt"]
            low, high = test["bounds"]
            grid.caption = (
                f"SPRT {test['elo0']:g} against {test['elo1']:g} Elo: "
                f"{test['log_likelihood_ratio']:.2f} ({low:.2f} to {high:.2f})"
                f"{', accepted: ' + test['accepted'] if test['accepted'] else ''}"
            )
    return grid
