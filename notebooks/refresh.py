"""Update the page of results from the tables of the study and the examples; run the notebooks.

    argmax study losses --data data/positions --out runs/study
    python -m notebooks.examples.grid --out runs/examples
    python -m notebooks.refresh --study runs/study --examples runs/examples

copies the tables to notebooks/results, writes those in notebooks/README.md and runs the notebooks
in place. Run it in the root of the repository.
"""

import argparse
import os
import shutil
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from data_pipeline.common.plain_text import say
from engine.study.grid import Cell
from engine.study.page import fill, text_of
from engine.study.probes import PROBES_FILE
from engine.study.table import TABLE_FILE, read_table
from notebooks.examples import cells, summary

FOLDER = Path("notebooks")
NOTEBOOKS = ("value_distributions", "stop_regressing", "beyond_chess")
EXAMPLES_FILE = "examples.csv"
SEEDS = 3


def page(text: str, results: Path) -> str:
    """The text of the page, filled from the tables in ``results``."""
    table, probes = (read_table(results / name) for name in (TABLE_FILE, PROBES_FILE))
    examples = read_table(results / EXAMPLES_FILE, cells.Cell())

    def text_for(name: str) -> str:
        if name == "examples":
            return summary.claims_text(examples)
        return text_of(name, table, probes, Cell(), SEEDS)

    return fill(text, text_for)


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
        prog="python -m notebooks.refresh", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--study", type=Path, help="copy the study's tables from this folder")
    parser.add_argument("--examples", type=Path, help="copy the examples' table from this folder")
    parser.add_argument("notebooks", nargs="*", default=NOTEBOOKS, help="notebooks to run (all)")
    arguments = parser.parse_args(argv)
    results, readme = FOLDER / "results", FOLDER / "README.md"
    for folder, name, target in (
        (arguments.study, TABLE_FILE, TABLE_FILE),
        (arguments.study, PROBES_FILE, PROBES_FILE),
        (arguments.examples, TABLE_FILE, EXAMPLES_FILE),
    ):
        if folder and (folder / name).exists():
            shutil.copyfile(folder / name, results / target)
    readme.write_text(page(readme.read_text(), results))
    for name in arguments.notebooks:
        path = FOLDER / f"{name}.ipynb"
        nbformat.write(execute(path), path)
        say(f"run: {path}")


if __name__ == "__main__":
    main()
