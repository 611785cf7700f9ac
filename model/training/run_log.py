"""The logs of a training run: metrics.jsonl, TensorBoard files, and a line in the terminal."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from tensorboardX import SummaryWriter

from data_pipeline.common.files import write_atomically
from data_pipeline.common.terminal import Lines, PlainConsole

METRICS_FILE = "metrics.jsonl"


class Counts(NamedTuple):
    """How far a run has come: steps, training time, positions and move values trained on."""

    step: int
    seconds: float
    positions: int
    action_values: int


class RunLog:
    """The logs of the run in ``out``, from ``start`` on, when a ``share`` of it is done.

    A context manager. ``steps``: the total number of steps, if it is known. Lines of later steps,
    from a run that was killed after its last checkpoint, are dropped, so that the log is as if the
    run had never stopped, except for the times. Lines that cannot be read are dropped too.
    """

    def __init__(self, out: Path, steps: int | None, start: Counts, share: float) -> None:
        path = out / METRICS_FILE
        kept = [line for line in _lines(path) if _is_up_to(start.step, line)]
        write_atomically(path, b"".join(kept))
        self._file = path.open("a")
        self._board = SummaryWriter(str(out), purge_step=start.step + 1)
        self._last = start
        self._figures: dict[str, str] = {}
        self._progress = Progress(
            TextColumn("step {task.fields[step]}" + (f"/{steps}" if steps else "")),
            BarColumn(20),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=PlainConsole(stderr=True),
        )
        self._lines = Lines(self._progress.console)
        self._task = self._progress.add_task("train", total=1.0, step=start.step, figures="")
        self._progress.update(self._task, completed=share)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        self._file.close()
        self._board.close()

    def training(self, counts: Counts, share: float, parts: dict[str, Any]) -> None:
        """Log the parts of a step's loss, and the speed since the last line."""
        figures = {name: float(value) for name, value in parts.items()}
        last, self._last = self._last, counts
        seconds = max(counts.seconds - last.seconds, 1e-9)
        speeds = {
            "positions_per_second": (counts.positions - last.positions) / seconds,
            "action_values_per_second": (counts.action_values - last.action_values) / seconds,
        }
        self._write(counts, "train", figures | speeds)
        self._progress.update(self._task, completed=share, step=counts.step)
        positions, values = speeds.values()
        speed = f"{positions:.0f} positions/s" + (f"  {values:.0f} values/s" if values else "")
        self._show({"speed": speed, "loss": f"loss {figures['loss']:.3f}"})
        self._lines.say(f"step {counts.step} ({share:.0%}): " + "  ".join(self._figures.values()))

    def evaluation(self, counts: Counts, figures: dict[str, float]) -> None:
        """Log metrics on the evaluation split."""
        self._write(counts, "evaluation", figures)
        texts = (f"{name} {value:.4f}" for name, value in figures.items())
        self._progress.console.print(f"step {counts.step}: " + "  ".join(texts))
        shown = ("agreement", "regret")
        self._show({name: f"{name} {figures[name]:.3f}" for name in shown if name in figures})

    def say(self, text: str) -> None:
        """Print a line in the terminal only."""
        self._progress.console.print(text)

    def _write(self, counts: Counts, kind: str, figures: dict[str, float]) -> None:
        line = {"step": counts.step, "kind": kind, "seconds": round(counts.seconds, 3), **figures}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        for name, value in figures.items():
            self._board.add_scalar(f"{kind}/{name}", value, counts.step)

    def _show(self, texts: dict[str, str]) -> None:
        self._figures |= texts
        self._progress.update(self._task, figures="  ".join(self._figures.values()), refresh=True)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def _is_up_to(step: int, line: bytes) -> bool:
    """Whether a line of the log is of this step or an earlier one; False if it is damaged."""
    try:
        return line.endswith(b"\n") and json.loads(line)["step"] <= step
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
