"""A progress line on standard error while a pipeline runs, and quiet for whatever Beam prints."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from data_pipeline.beam.staging import read_tallies
from data_pipeline.common.terminal import Lines, PlainConsole
from data_pipeline.dataset.dataset import SPLITS

# Stage, what counts as done, what as all of it; a stage with nothing to do stays out of sight.
STAGES = (
    ("read", "read_bytes", "input_bytes", "read"),
    ("annotate", "annotated", "to annotate", "annotated"),
    ("play", "games", "to_play", "annotated"),
    ("write", "shards", "to_write", "written"),
)


class _Rate(ProgressColumn):
    """Positions so far and per second."""

    def render(self, task) -> Text:
        positions = task.fields["positions"]
        seconds = task.finished_time if task.finished else task.elapsed
        rate = f" {positions / seconds:,.0f} positions/s" if seconds and positions else ""
        return Text(f"{positions:,} positions{rate}")


@contextmanager
def progress_line(directory: Path, totals: dict[str, int], console: Console) -> Iterator[None]:
    """Show the tallies in ``directory`` against ``totals`` until the block ends."""
    columns = (TextColumn("{task.description:<8}"), BarColumn(), _Rate(), TimeRemainingColumn())
    over = threading.Event()
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with shown as progress:
        tasks: dict[str, TaskID] = {}

        def show() -> None:
            lines = Lines(console)
            while not over.wait(0.5):
                counts = read_tallies(directory)
                counts.update(totals)
                counts["written"] = sum(counts[f"written/{split}"] for split in SPLITS)
                for stage, done, total, positions in STAGES:
                    if not counts[done]:
                        continue
                    if stage not in tasks:
                        tasks[stage] = progress.add_task(stage, positions=0)
                    progress.update(
                        tasks[stage],
                        completed=counts[done],
                        total=max(counts[total], counts[done]),
                        positions=counts[positions],
                    )
                lines.say(", ".join(f"{stage} {counts[p]:,}" for stage, _, _, p in STAGES))

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def quiet(log: Path) -> Iterator[Console]:
    """Send what this process and its children say on standard error to ``log``.

    Yields a console on the real standard error.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with open(log, "wb") as file, open(real, "w") as stderr:
        os.dup2(file.fileno(), 2)
        try:
            yield PlainConsole(file=stderr)
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
