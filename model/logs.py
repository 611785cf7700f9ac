"""What a training run writes down: metrics.jsonl, TensorBoard files, and a line in the terminal."""

import json
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from tensorboardX import SummaryWriter

METRICS_FILE = "metrics.jsonl"


class RunLog:
    """The logs of the run in ``out``, from step ``start`` on; a context manager.

    Lines of later steps, written by a run that was killed after its last checkpoint, are dropped,
    so that the log is the same as if the run had never stopped.
    """

    def __init__(self, out: Path, steps: int, batch_size: int, start: int) -> None:
        path = out / METRICS_FILE
        kept = [line for line in _lines(path) if json.loads(line)["step"] <= start]
        path.write_text("".join(kept))
        self._file = path.open("a")
        self._board = SummaryWriter(str(out), purge_step=start + 1 if start else None)
        self._batch_size = batch_size
        self._figures: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            BarColumn(20),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("train", total=steps, completed=start, figures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        self._file.close()
        self._board.close()

    def training(self, step: int, parts: dict[str, Any]) -> None:
        """The parts of a step's loss."""
        figures = {name: float(value) for name, value in parts.items()}
        self._write(step, "train", figures)
        self._show(step, {"loss": figures["loss"]})

    def evaluation(self, step: int, figures: dict[str, float]) -> None:
        """Figures on the evaluation split."""
        self._write(step, "evaluation", figures)
        texts = (f"{name} {value:.4f}" for name, value in figures.items())
        self._progress.console.print(f"step {step}: " + "  ".join(texts), highlight=False)
        shown = ("agreement", "regret")
        self._show(step, {name: figures[name] for name in shown if name in figures})

    def _write(self, step: int, kind: str, figures: dict[str, float]) -> None:
        self._file.write(json.dumps({"step": step, "kind": kind, **figures}) + "\n")
        self._file.flush()
        for name, value in figures.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def _show(self, step: int, figures: dict[str, float]) -> None:
        self._figures |= figures
        self._progress.update(self._task, completed=step)
        speed = (self._progress.tasks[0].speed or 0.0) * self._batch_size
        texts = [f"{speed:.0f} positions/s", *(f"{k} {v:.3f}" for k, v in self._figures.items())]
        self._progress.update(self._task, figures="  ".join(texts), refresh=True)


def _lines(path: Path) -> list[str]:
    """The whole lines of a file; a last line that was cut by a kill is left out."""
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
