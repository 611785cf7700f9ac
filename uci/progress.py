"""A progress bar on stderr, for commands that work through a known number of things."""

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

from data_pipeline.lines import Lines


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
