"""Make the written result anew from the tables of a study, and run the notebooks.

    argmax study losses --data data/positions --out runs/study
    python notebooks/refresh.py --results runs/study

copies the tables in runs/study to notebooks/results, writes the tables in notebooks/README.md and
runs both notebooks from start to end, in place.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from engine.study.grid import Cell  # noqa: E402
from engine.study.page import fill  # noqa: E402
from engine.study.probes import PROBES_FILE  # noqa: E402
from engine.study.table import TABLE_FILE, read_table  # noqa: E402

NOTEBOOKS = ("value_distributions", "stop_regressing")
SEEDS = 3


def page(text: str) -> str:
    """The text of the page with what the tables in `results` give."""
    table, probes = (read_table(HERE / "results" / name) for name in (TABLE_FILE, PROBES_FILE))
    return fill(text, table, probes, Cell(), SEEDS)


def execute(name: str, **parameters) -> nbformat.NotebookNode:
    """A notebook, run from start to end in the folder of the notebooks, without traces of where.

    ``parameters`` replace those of the cell with the tag `parameters`.
    """
    notebook = nbformat.read(HERE / f"{name}.ipynb", 4)
    if parameters:
        tagged = [i for i, cell in enumerate(notebook.cells) if "tags" in cell.metadata]
        source = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
        notebook.cells.insert(tagged[0] + 1, nbformat.v4.new_code_cell(source))
    paths = (str(HERE.parent), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
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


def main() -> None:
    """Copy, write, run."""
    parser = argparse.ArgumentParser(
        description="Make the written result anew and run the notebooks."
    )
    parser.add_argument("--results", type=Path, help="take the tables of this folder")
    parser.add_argument("notebooks", nargs="*", default=NOTEBOOKS, help="which to run: all")
    arguments = parser.parse_args()
    if arguments.results and arguments.results.resolve() != HERE / "results":
        for name in (TABLE_FILE, PROBES_FILE):
            if (arguments.results / name).exists():
                shutil.copyfile(arguments.results / name, HERE / "results" / name)
    readme = HERE / "README.md"
    readme.write_text(page(readme.read_text()))
    for name in arguments.notebooks:
        nbformat.write(execute(name), HERE / f"{name}.ipynb")
        print(f"run: {name}.ipynb")


if __name__ == "__main__":
    main()
