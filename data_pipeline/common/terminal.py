"""Output of commands: tables on standard output, progress on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.status import Status
from rich.text import Text

from data_pipeline.common.plain_text import clean

LINE_S = 30.0
"""Seconds between two lines, at least."""

WIDTH = 200
"""Line width for files and pipes, so that no table is truncated."""


class PlainConsole(Console):
    """A console that prints strings literally: rich's markup has no effect, and unsafe characters
    are replaced (see `data_pipeline.common.plain_text`).

    Styles are given as arguments or as `rich.text.Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # type: ignore[override]
        """All strings that are shown, also those in tables, pass through here."""
        return super().render_str(clean(text), **options)

    def status(self, status: RenderableType, **options: Any) -> Status:
        """A line with a spinner; its text is cleaned like all others."""
        text = self.render_str(status) if isinstance(status, str) else status
        return super().status(text, **options)


class Lines:
    """Progress as lines on ``console``, at most every `LINE_S`; none on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line, unless the last one was less than `LINE_S` ago."""
        if not self._console.is_terminal and time.monotonic() - self._last > LINE_S:
            self._last = time.monotonic()
            self._console.print(text)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; yields a function that takes the number of things done, out of ``total``."""
    columns = (
        TextColumn(what, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = PlainConsole(stderr=True)
    lines = Lines(console)
    shown = console.is_terminal  # otherwise it would leave an empty line
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(what, total=total)

        def update(done: int) -> None:
            progress.update(task, completed=done)
            lines.say(f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}")

        yield update


def report_console() -> PlainConsole:
    """Standard output, as wide as the terminal."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=WIDTH)
