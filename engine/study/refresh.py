"""Update the study's page from its tables and run the notebooks.

    argmax study losses --data data/positions --out runs/study
    python -m engine.study.refresh --results runs/study

copies the tables in runs/study to notebooks/results, writes the tables in notebooks/README.md and
runs both notebooks in place. Run it in the root of the repository.
"""

import argparse
import os
import shutil
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from data_pipeline.common.plain_text import say
from engine.study.grid import Cell
from engine.study.page import fill
from engine.study.probes import PROBES_FILE
from engine.study.table import TABLE_FILE, read_table

FOLDER = Path("notebooks")
NOTEBOOKS = ("value_distributions", "stop_regressing")
SEEDS = 3


def page(text: str, results: Path) -> str:
    """The text of the page, filled from the tables in ``results``."""
    table, probes = (read_table(results / name) for name in (TABLE_FILE, PROBES_FILE))
    return fill(text, table, probes, Cell(), SEEDS)


def execute(path: Path, **parameters) -> nbformat.NotebookNode:
    """A notebook after running all its cells in its folder, without metadata of this machine.

    ``parameters`` override those of the cell with the tag `parameters`.
    """
    notebook = nbformat.read(path, 4)
    if parameters:
        tagged = [i for i, cell in enumerate(notebook.cells) if "tags" in cell.metadata]
        source = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
        notebook.cells.insert(tagged[0] + 1, nbformat.v4.new_code_cell(source))
    paths = (str(path.resolve().parent.parent), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def main(argv: list[str] | None = None) -> None:
    """Copy the tables, write the page, run the notebooks."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.study.refresh", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--results", type=Path, help="copy the tables from this folder")
    parser.add_argument("notebooks", nargs="*", default=NOTEBOOKS, help="notebooks to run (all)")
    arguments = parser.parse_args(argv)
    results, readme = FOLDER / "results", FOLDER / "README.md"
    if arguments.results and arguments.results.resolve() != results.resolve():
        for name in (TABLE_FILE, PROBES_FILE):
            if (arguments.results / name).exists():
                shutil.copyfile(arguments.results / name, results / name)
    readme.write_text(page(readme.read_text(), results))
    for name in arguments.notebooks:
        path = FOLDER / f"{name}.ipynb"
        nbformat.write(execute(path), path)
        say(f"run: {path}")


if __name__ == "__main__":
    main()
