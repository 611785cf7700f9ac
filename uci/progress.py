"""A progress bar on stderr, for commands that work through a known number of things."""

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
"""Where stderr is no terminal, a line so often."""


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that takes how many of ``total`` are done; the bar goes away at the end."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        shown = time.monotonic()

        def update(done: int) -> None:
            nonlocal shown
            progress.update(task, completed=done)
            if not console.is_terminal and time.monotonic() - shown > LINE_S:
                shown = time.monotonic()
                console.print(f"{what}: {done:,} of {total:,}", highlight=False)

        yield update
