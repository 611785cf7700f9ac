"""The study of losses: its grid, its label noise, its figures, resuming, its charts."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import t_interval
from data_pipeline.dataset.dataset import Dataset
from data_pipeline.dataset.records import decode
from engine.study import cell_training
from engine.study import grid as study
from engine.study.cell_training import playable, with_label_noise
from engine.study.evaluation import choose_positions, evaluate
from engine.study.grid import STUDIES, Cell, Sweep, cells_of
from engine.study.run import NETWORKS, UNFINISHED, run_cells
from engine.study.table import TABLE_FILE, add_row, cells_to_do, points, read_table
from model.config import preset
from model.evaluation.evaluate import measure, summary
from model.inference.predictor import Predictor
from model.network.network_file import load_network, random_network
from model.targets.value_losses import LOSSES
from tests.helpers.random_chess import write_dataset
from uci.cli import main

TINY = Cell(size="tiny", steps=3, batch_size=16)
SWEEP = Sweep("noise", (0.0, 0.4), ("squared-error", "hl-gauss"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    directory = tmp_path_factory.mktemp("data")
    write_dataset(directory)
    return Dataset(directory)


@pytest.fixture
def tiny(monkeypatch) -> list[Cell]:
    """A study of four cells of a tiny network."""
    monkeypatch.setitem(study.SIZES, "tiny", preset("tiny").network)
    monkeypatch.setitem(STUDIES, "losses", (SWEEP,))
    return cells_of("losses", 1, TINY)


def run(cells: list[Cell], dataset: Dataset, out: Path) -> list[Cell]:
    """The cells that were trained."""
    trained = []
    run_cells(
        cells, dataset, None, out, 40, lambda steps: None, lambda cell, _: trained.append(cell)
    )
    return trained


def test_studies_share_cells_and_start_with_small_networks_and_the_first_seed():
    losses = cells_of("losses", 3, Cell())
    assert len(losses) == len(set(losses)) == 18
    assert [cell.seed for cell in losses] == sorted(cell.seed for cell in losses)
    everything = {cell for name in STUDIES for cell in cells_of(name, 3, Cell())}
    assert len({cell.name for cell in everything}) == len(everything)
    assert len(set(losses) & set(cells_of("noise", 3, Cell()))) == 9
    sizes = [cell.network.width for cell in cells_of("scale", 2, Cell())]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    with pytest.raises(InputError, match="expected a study"):
        cells_of("none", 3, Cell())


def test_noise_and_flips():
    win_probs, key = np.linspace(0, 1, 20_000, dtype=np.float32), jax.random.key(0)

    def noisy(noise: float, flips: float) -> np.ndarray:
        return np.asarray(with_label_noise(win_probs, np.array([noise, flips]), key))

    np.testing.assert_array_equal(noisy(0, 0), win_probs)
    noise = noisy(0.4, 0) - win_probs
    inner = (win_probs > 0.2) & (win_probs < 0.8)
    assert np.abs(noise).max() == pytest.approx(0.2, abs=1e-3)
    assert noise[inner].mean() == pytest.approx(0, abs=0.005)
    assert noise[inner].std() == pytest.approx(0.4 / 12**0.5, abs=0.005)
    assert noisy(0.4, 0).min() == 0 and noisy(0.4, 0).max() == 1
    flipped = noisy(0, 0.3) != win_probs
    np.testing.assert_allclose(noisy(0, 0.3)[flipped], 1 - win_probs[flipped])
    assert flipped.mean() == pytest.approx(0.3, abs=0.01)


def test_figures_are_those_of_evaluate(dataset):
    """For HL-Gauss, whose network is as any other, on the positions that both can measure."""
    network = random_network("tiny", seed=1)
    found = evaluate(network, "hl-gauss", choose_positions(dataset.records("test"), 1000))
    records = [row for row in dataset.records("test") if len(decode(row).actions) <= 64]
    expected = summary(*measure(records, Predictor(network)))
    assert found.pop("calibration_error") == pytest.approx(expected["calibration_error"], abs=1e-5)
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_evaluated_by_its_own_prediction(loss, dataset):
    tests = choose_positions(dataset.records("test"), 1000)
    network = random_network("tiny", seed=1)
    found = evaluate(network, loss, tests)
    of_hl_gauss = evaluate(network, "hl-gauss", tests)
    other = loss in ("squared-error", "c51")
    assert (found["squared_error"] != of_hl_gauss["squared_error"]) == other
    assert (found["log_loss"] is None) == (loss in LOSSES[:2] or loss == "c51")


def test_a_playable_network_makes_the_same_choices(dataset):
    network = random_network("tiny", seed=1)
    params = {module: dict(arrays) for module, arrays in network.params.items()}
    params["~"]["move_head_bias"] = np.linspace(0, 1, 64, dtype=np.float32)
    network = replace(network, params=params)
    tests = choose_positions(dataset.records("test"), 1000)
    expected = evaluate(network, "squared-error", tests)
    found = evaluate(playable(network, "squared-error"), "hl-gauss", tests)
    for name in ("agreement", "regret", "kendall_tau_b"):
        assert found[name] == pytest.approx(expected[name], abs=1e-3)
    assert playable(network, "c51") is network


def test_a_study_that_was_stopped_goes_on(tiny, dataset, tmp_path):
    assert run(tiny, dataset, tmp_path) == tiny
    whole = (tmp_path / TABLE_FILE).read_text()
    table = read_table(tmp_path / TABLE_FILE)
    assert list(table) == tiny
    network = load_network(tmp_path / NETWORKS / f"{tiny[0].name}.safetensors")
    assert network.parameter_count == table[tiny[0]]["parameters"]
    (tmp_path / TABLE_FILE).write_text("".join(whole.splitlines(keepends=True)[:3]))
    assert run(tiny, dataset, tmp_path) == tiny[2:]
    again = read_table(tmp_path / TABLE_FILE)
    for cell in tiny:
        assert again[cell] | {"seconds": 0} == table[cell] | {"seconds": 0}


def test_a_cell_that_was_stopped_goes_on_as_if_it_had_not_been(
    tiny, dataset, tmp_path, monkeypatch
):
    """Noise included, which is drawn by the step; stopped twice, since what is read is written."""
    monkeypatch.setattr(cell_training, "SAVE_SECONDS", 0)
    cell = replace(tiny[3], steps=35)

    def run_until(stop: int, out: Path) -> list[int]:
        """The steps that were reported."""
        steps = []

        def progress(step: int) -> None:
            steps.append(step)
            if step >= stop:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            run_cells([cell], dataset, None, out, 40, progress, lambda cell, _: None)
        return steps

    assert run_until(100, tmp_path / "whole") == [10, 20, 30]
    assert run_until(20, tmp_path / "parts") == [10, 20]
    assert run_until(30, tmp_path / "parts") == [20, 30]
    assert run_until(100, tmp_path / "parts") == [30]
    assert not list((tmp_path / "parts" / UNFINISHED).iterdir())
    whole, parts = (tmp_path / name / NETWORKS for name in ("whole", "parts"))
    file = f"{cell.name}.safetensors"
    assert (whole / file).read_bytes() == (parts / file).read_bytes()
    whole, parts = (read_table(tmp_path / name / TABLE_FILE)[cell] for name in ("whole", "parts"))
    assert whole | {"seconds": 0} == parts | {"seconds": 0}
    # A checkpoint of another shape of the network, as another version may have.
    run_until(20, tmp_path / "other")
    monkeypatch.setitem(study.SIZES, "tiny", preset("tiny", layers=1).network)
    with pytest.raises(InputError, match="expected the configuration"):
        run_until(100, tmp_path / "other")
    assert list((tmp_path / "other" / UNFINISHED).iterdir())


def test_processes_share_the_cells_of_a_table(tmp_path):
    """A child is at the second cell; when it ends, killed or not, that can be done."""
    path, cells = tmp_path / TABLE_FILE, [replace(TINY, seed=seed) for seed in range(4)]
    add_row(path, cells[0], {"regret": 0.1})
    program = (
        "import sys; from pathlib import Path; from engine.study.grid import Cell; "
        "from engine.study.table import cells_to_do; "
        "cells = [Cell(size='tiny', steps=3, batch_size=16, seed=s) for s in range(4)]; "
        "print(next(ours := cells_to_do(Path(sys.argv[1]), cells)).seed, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"1\n"
        assert list(cells_to_do(path, cells)) == cells[2:]
        child.kill()
    assert list(cells_to_do(path, cells)) == cells[1:]


def test_noise_changes_what_is_learned_and_seeds_the_start(tiny, dataset, tmp_path):
    cells = [tiny[1], tiny[3], replace(tiny[1], seed=1)]
    assert {(cell.loss, cell.noise, cell.seed) for cell in cells} == {
        ("hl-gauss", 0.0, 0), ("hl-gauss", 0.4, 0), ("hl-gauss", 0.0, 1),
    }  # fmt: skip
    run(cells, dataset, tmp_path)
    errors = [row["squared_error"] for row in read_table(tmp_path / TABLE_FILE).values()]
    assert len(set(errors)) == 3


def test_the_command_shows_what_is_done(tiny, tmp_path, capsys):
    assert main(["study", "losses", "--out", str(tmp_path)]) == 2
    assert "give --data" in capsys.readouterr().err
    base = Cell()
    for seed, regret in enumerate((0.1, 0.2)):
        for loss, more in (("squared-error", 0.03 + seed / 100), ("hl-gauss", 0.0)):
            figures: dict = dict.fromkeys(("agreement", "kendall_tau_b", "squared_error"), 0.5)
            figures |= {"calibration_error": 0.1, "parameters": 9, "regret": regret + more}
            add_row(tmp_path / TABLE_FILE, replace(base, loss=loss, seed=seed), figures)
    assert main(["study", "losses", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cells"], found["done"]) == (12, 4)
    first = found["sweeps"]["noise"][0]
    assert (first["loss"], first["value"], first["seeds"]) == ("squared-error", 0.0, 2)
    assert first["figures"]["regret"]["mean"] == pytest.approx(0.185)
    # Paired by seed: 0.03 and 0.04; Student's quantile for two values is 12.706.
    difference = first["differences"]["regret"]
    assert difference["mean"] == pytest.approx(0.035)
    assert difference["high"] - difference["mean"] == pytest.approx(12.706 * 0.005, rel=1e-3)
    assert "log_loss" not in first["figures"]
    picture = (tmp_path / "losses-noise.svg").read_text()
    assert picture.startswith("<?xml") and "squared error" in picture
    assert main(["study", "losses", "--out", str(tmp_path)]) == 0
    assert "0.1850 ±" in capsys.readouterr().out


def test_a_single_seed_has_no_interval(tmp_path):
    add_row(tmp_path / TABLE_FILE, Cell(), {"parameters": 9, "regret": 0.1})
    (point,) = points(Sweep("bins", (64,), LOSSES), Cell(), 3, read_table(tmp_path / TABLE_FILE))
    assert (point.seeds, point.figures["regret"].mean) == (1, 0.1)
    assert point.figures["regret"].high == float("inf")


def test_a_table_round_trips_and_may_lack_columns(tmp_path):
    path = tmp_path / TABLE_FILE
    rows = {
        Cell(seed=1): {"regret": 0.125, "log_loss": None, "parameters": 1_177_588},
        Cell(size="4M", noise=0.4): {"regret": 0.5, "log_loss": 2.0, "parameters": 1.0},
    }
    for cell, figures in rows.items():
        add_row(path, cell, figures)
    assert read_table(path) == rows
    older = [line.replace("seed,", "", 1).replace(",0,1600", ",1600", 1) for line in
             path.read_text().splitlines()]  # fmt: skip
    path.write_text("\n".join(line for line in older if ",1,1600" not in line))
    assert list(read_table(path)) == [Cell(size="4M", noise=0.4)]


def test_a_file_that_is_no_table(tmp_path):
    (tmp_path / TABLE_FILE).write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="choose another --out"):
        read_table(tmp_path / TABLE_FILE)


def test_students_interval():
    from scipy import stats

    values = [0.1, 0.4, 0.2]
    mean, low, high = t_interval(values)
    expected = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *expected))
