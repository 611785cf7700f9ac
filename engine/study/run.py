"""Train and evaluate the cells of a study."""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import jax

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import say
from data_pipeline.dataset.dataset import Dataset
from engine.study.bootstrap import from_games
from engine.study.cell_training import Learning, from_teacher, playable, train_cell
from engine.study.evaluation import choose_positions, evaluate
from engine.study.games import read_games
from engine.study.grid import Cell
from engine.study.table import TABLE_FILE, Figures, add_row, cells_to_do, read_table
from model.network.network_file import save_network

NETWORKS = "networks"
UNFINISHED = "unfinished"


def network_path(out: Path, cell: Cell) -> Path:
    """The file of a cell's network."""
    return out / NETWORKS / f"{cell.name}.safetensors"


def run_cells(
    cells: Sequence[Cell],
    dataset: Dataset,
    games: Path | None,
    out: Path,
    positions: int,
    progress: Callable[[int], None],
    report: Callable[[Cell, Figures], None],
) -> None:
    """Train and evaluate, in order, the cells that have no row in the table of ``out`` and that no
    other process works on.

    A cell's row is written as soon as it is done, after its network. A cell that was stopped
    continues from its last checkpoint under `UNFINISHED`. ``games``: PGN for cells without a
    teacher. Evaluated on the first ``positions`` suitable positions of the test split
    (`choose_positions`). ``progress`` gets the number of steps done, including those of earlier
    runs; ``report`` gets each new row.
    """
    path = out / TABLE_FILE
    done = read_table(path)
    missing = [cell for cell in cells if cell not in done]
    if not missing:
        return
    dataset.verify("train", "test")
    learning = _learning(missing, dataset, games)
    tests = choose_positions(dataset.records("test"), positions)
    (out / NETWORKS).mkdir(parents=True, exist_ok=True)
    for cell in cells_to_do(path, missing):
        done = read_table(path)
        before = sum(each.steps for each in cells if each in done)
        workdir = out / UNFINISHED / cell.name
        # By default GPUs would round the operands of matrix products to TF32.
        with jax.default_matmul_precision("float32"):
            network, seconds = train_cell(
                cell, learning(cell), lambda step, before=before: progress(before + step), workdir
            )
        figures = evaluate(network, cell.loss, tests)
        figures |= {"parameters": network.parameter_count, "seconds": seconds}
        save_network(playable(network, cell.loss), network_path(out, cell))
        add_row(path, cell, figures)
        shutil.rmtree(workdir)
        report(cell, figures)


def _learning(
    cells: Sequence[Cell], dataset: Dataset, games: Path | None
) -> Callable[[Cell], Learning]:
    """How cells learn; the cells of a study have either all a teacher or none."""
    largest = max(cell.batch_size for cell in cells)

    def check(found: int, source: object) -> None:
        if found < largest:
            raise InputError(f"expected at least {largest} positions, found {found} in {source}")

    if cells[0].plies:
        if games is None:
            raise InputError("expected --games, a PGN file to learn from without a teacher")
        read = read_games(games)
        for reason, count in read.left_out.items():
            say(f"{count} games left out: {reason}", file=sys.stderr)
        check(len(read.encoded), games)
        return lambda cell: from_games(cell, read)
    encoded = dataset.records("train")
    check(len(encoded), f"the split 'train' of {dataset.directory}")
    return lambda cell: from_teacher(cell, encoded)
