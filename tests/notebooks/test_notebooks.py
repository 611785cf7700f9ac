"""The notebooks run from start to end, and what is committed of them is whole and up to date."""

import re
import shutil
import socket
from pathlib import Path

import nbformat
import pytest

from engine.networks import shipped_network
from engine.study.evaluation import FIGURES
from engine.study.grid import SIZES, STUDIES, Cell, cells_of
from engine.study.page import text_of
from engine.study.probes import PROBES, PROBES_FILE, untrained_cell
from engine.study.table import TABLE_FILE, Table, read_table, write_table
from model.network.network_file import load_network
from notebooks import refresh
from notebooks.examples.cells import CURVE_POINTS, curve
from notebooks.examples.cells import Cell as ExampleCell
from notebooks.examples.grid import QUESTIONS, Question
from notebooks.examples.grid import cells_of as cells_of_examples
from tests.helpers.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"
NAMES = ("value_distributions", "stop_regressing", "beyond_chess")
PLACES = re.compile(
    r"Traceback|site-packages|File \"|(?<![\w./])/(home|root|work|tmp|usr|Users)/|C:\\"
)


def texts(notebook: nbformat.NotebookNode) -> str:
    """All outputs but pictures, in one."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type in ("execute_result", "display_data"), output
            data = output.data
            found += [data[kind] for kind in data if kind.startswith("text/") or "svg" in kind]
    return "\n".join(found)


def pictures(notebook: nbformat.NotebookNode) -> int:
    return sum(
        bool(output.data.keys() & {"image/png", "image/svg+xml"})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


def begun() -> list[Question]:
    """The questions with cells in the committed table of the examples."""
    table = read_table(NOTEBOOKS / "results" / refresh.EXAMPLES_FILE, ExampleCell())
    return [question for question in QUESTIONS.values() if set(question.cells(0)) & table.keys()]


@pytest.fixture(scope="module")
def whole_study(tmp_path_factory) -> Path:
    """The tables of all studies with two seeds, the figures made up."""
    folder = tmp_path_factory.mktemp("results")
    cells = {cell for name in STUDIES for cell in cells_of(name, 2, Cell())}
    rows: Table = {}
    for number, cell in enumerate(sorted(cells, key=str)):
        rows[cell] = {**dict.fromkeys(FIGURES, 0.1 + number % 7 / 100), "seconds": 1.0}
        rows[cell]["parameters"] = 1e5 * (1 + list(SIZES).index(cell.size))
    write_table(folder / TABLE_FILE, rows)
    probed = [
        *cells_of("representation", 2, Cell()),
        *(untrained_cell(Cell(seed=s)) for s in (0, 1)),
    ]
    probes: Table = {c: {**dict.fromkeys(PROBES, 0.1 + i / 100)} for i, c in enumerate(probed)}
    write_table(folder / PROBES_FILE, probes)
    return folder


def test_value_distributions_runs():
    """On another position, Black's to move, and a few test positions."""
    black = "r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR b KQkq - 5 4"
    notebook = refresh.execute(
        NOTEBOOKS / "value_distributions.ipynb", FEN=black, SQUARE="f6", POSITIONS=24
    )
    assert "On 24 test positions" in texts(notebook)
    assert "Black to move" in texts(notebook)
    assert pictures(notebook) == 7


def test_stop_regressing_runs_with_all_studies_done(whole_study):
    notebook = refresh.execute(
        NOTEBOOKS / "stop_regressing.ipynb", RESULTS=str(whole_study), SEEDS=2
    )
    assert "Not yet run" not in texts(notebook)
    assert pictures(notebook) == 3 + sum(map(len, STUDIES.values()))


def test_beyond_chess_runs_with_all_questions_done(tmp_path):
    """On figures made up, with a small bootstrap."""
    cells = cells_of_examples(QUESTIONS.values(), seeds=2)
    table = {
        cell: {"score": number % 7 / 7, **curve([number % 5 / 5] * CURVE_POINTS)}
        for number, cell in enumerate(cells)
    }
    write_table(tmp_path / "examples.csv", table)
    notebook = refresh.execute(
        NOTEBOOKS / "beyond_chess.ipynb", RESULTS=str(tmp_path / "examples.csv"), RESAMPLES=20
    )
    assert "not yet run" not in texts(notebook)
    assert pictures(notebook) == len(QUESTIONS)


def test_the_page_is_what_the_committed_tables_give():
    text = (NOTEBOOKS / "README.md").read_text()
    assert refresh.page(text, NOTEBOOKS / "results") == text
    marks = {"claims", "losses", "representation", "moving-targets", "examples"}
    assert set(re.findall(r"<!-- ([a-z-]+) -->", text)) == marks


@pytest.mark.parametrize("name", NAMES)
def test_what_is_committed_was_run_in_order_and_names_no_machine(name):
    path = NOTEBOOKS / f"{name}.ipynb"
    assert path.stat().st_size < 1_500_000
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert not PLACES.search(texts(notebook))
    assert pictures(notebook) >= (len(begun()) if name == "beyond_chess" else 4)
    machine = socket.gethostname()
    assert len(machine) < 4 or machine not in texts(notebook)


def test_the_committed_notebook_shows_the_network_that_ships():
    count = load_network(shipped_network()).parameter_count
    notebook = nbformat.read(NOTEBOOKS / "value_distributions.ipynb", 4)
    assert f"{count:,} parameters" in texts(notebook)


def test_the_committed_notebook_shows_the_committed_tables():
    table = read_table(NOTEBOOKS / "results" / TABLE_FILE)
    claims = text_of("claims", table, {}, Cell(), refresh.SEEDS)
    notebook = nbformat.read(NOTEBOOKS / "stop_regressing.ipynb", 4)
    assert claims.strip() in texts(notebook)


def test_refresh_takes_tables_over_and_writes_the_page(whole_study, tmp_path, monkeypatch):
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(refresh, "execute", lambda path: nbformat.v4.new_notebook())
    refresh.main(["--study", str(whole_study)])
    assert "Not yet run" not in (tmp_path / "notebooks" / "README.md").read_text()
    copied = tmp_path / "notebooks" / "results" / TABLE_FILE
    assert copied.read_bytes() == (whole_study / TABLE_FILE).read_bytes()
