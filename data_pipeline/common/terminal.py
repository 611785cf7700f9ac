"""What commands show: tables on standard output, progress on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

LINE_S = 30.0
"""The least time between two lines."""

WIDTH = 200
"""Characters a line of what goes to a file or a pipe, so that no table is cut off there."""


class Lines:
    """Lines on ``console``, the first after `LINE_S`; none where it is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """A line, unless the last one was but a moment ago."""
        if not self._console.is_terminal and time.monotonic() - self._last > LINE_S:
            self._last = time.monotonic()
            self._console.print(text, highlight=False)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that takes how many of ``total`` are done; the bar goes away at the end."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    lines = Lines(console)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)

        def update(done: int) -> None:
            progress.update(task, completed=done)
            lines.say(f"{what}: {done:,} of {total:,}")

        yield update


def report_console() -> Console:
    """Standard output, as wide as the terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
