"""A study's cells, trained and measured one after another."""

from collections.abc import Callable, Sequence
from pathlib import Path

from data_pipeline.dataset import Dataset
from data_pipeline.errors import InputError
from model.network import save_network
from model.study import Cell
from model.study_evaluation import evaluate, make_test_set
from model.study_table import TABLE_FILE, Figures, add_row, read_table
from model.study_training import playable, train_cell

NETWORKS = "networks"


def run_cells(
    cells: Sequence[Cell],
    dataset: Dataset,
    out: Path,
    positions: int,
    progress: Callable[[int], None],
    report: Callable[[Cell, Figures], None],
) -> None:
    """Train and measure the cells that have no row in the table of ``out``, in their order.

    A cell's row is written as soon as it is done, after its network, ``out/networks/NAME``. Tested
    are the first ``positions`` of the test split that qualify (`make_test_set`). ``progress`` takes
    the steps that are done, those of earlier runs included; ``report`` each new row.
    """
    done = read_table(out / TABLE_FILE)
    missing = [cell for cell in cells if cell not in done]
    if not missing:
        return
    encoded = dataset.records("train")
    largest = max(cell.batch_size for cell in missing)
    if len(encoded) < largest:
        raise InputError(
            f"expected at least one batch of {largest} positions, found {len(encoded)} in the "
            f"split 'train' of {dataset.directory}"
        )
    tests = make_test_set(dataset.records("test"), positions)
    (out / NETWORKS).mkdir(parents=True, exist_ok=True)
    before = sum(cell.steps for cell in cells if cell in done)
    for cell in missing:
        network, seconds = train_cell(
            cell, encoded, lambda step, before=before: progress(before + step)
        )
        before += cell.steps
        figures = evaluate(network, cell.loss, tests)
        figures |= {"parameters": network.parameter_count, "seconds": seconds}
        save_network(playable(network, cell.loss), out / NETWORKS / f"{cell.name}.safetensors")
        add_row(out / TABLE_FILE, cell, figures)
        report(cell, figures)
