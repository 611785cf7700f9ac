"""The search for a recipe: its order, its steps, going on where it stopped, its intervals."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import paired_intervals
from data_pipeline.dataset.dataset import Dataset
from engine.study import recipe_trials
from engine.study.recipe_trials import (
    RUNS,
    TABLE_FILE,
    VARIANTS,
    Trial,
    comparisons,
    run_trials,
    trials,
)
from engine.study.table import add_row, read_table
from model.config import PRESETS, RECIPES, TrainConfig
from model.network.network_file import load_network
from model.training.loop import EVALUATED, NETWORK_FILE
from tests.helpers.paths import ROOT
from tests.helpers.random_chess import write_dataset
from uci.cli import main

BASE = TrainConfig(
    PRESETS["tiny"].network, steps=3, batch_size=16, evaluation_positions=20, checkpoint_every=2
)
FEWER = "network.layers=1 batch_size=8"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    directory = tmp_path_factory.mktemp("data")
    write_dataset(directory)
    return Dataset(directory)


def run(variants, dataset: Dataset, out: Path) -> list[Trial]:
    """The trials that were trained."""
    trained = []
    run_trials(trials(variants, 1, 3), BASE, dataset, out, lambda trial, _: trained.append(trial))
    return trained


def test_all_seeds_come_in_the_order_of_the_variants():
    chosen = trials(VARIANTS, 2, 400)
    assert len({trial.name for trial in chosen}) == len(chosen) == 2 * len(VARIANTS)
    assert [trial.seed for trial in chosen] == sorted(trial.seed for trial in chosen)
    assert VARIANTS[0] == ""
    small = replace(BASE, network=PRESETS["small"].network, loss=RECIPES["argmax"].loss)
    configs = [trial.config(small) for trial in chosen[: len(VARIANTS)]]
    assert all(one != other for i, one in enumerate(configs) for other in configs[:i])


def test_a_variant_is_trained_for_the_same_time_and_once(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_trials, "TIMED_STEPS", 2)
    costs = []
    measured = recipe_trials.relative_cost

    def cost(*args) -> float:
        costs.append(measured(*args))
        return 0.6

    monkeypatch.setattr(recipe_trials, "relative_cost", cost)
    variants = ("loss.ranking_weight=0", FEWER)
    assert run(variants, dataset, tmp_path) == trials(variants, 1, 3)
    assert costs[0] == 1.0 and 0.05 < costs[1] < 5
    table = read_table(tmp_path / TABLE_FILE, Trial())
    network = load_network(tmp_path / RUNS / Trial(FEWER, 0, 3).name / NETWORK_FILE)
    assert network.training["steps"] == 5 == table[Trial(FEWER, 0, 3)]["steps_taken"]
    assert network.training["config"]["batch_size"] == 8 and network.config.layers == 1
    assert run(variants, dataset, tmp_path) == []
    assert not list((tmp_path / RUNS).glob("*/checkpoints"))
    shutil.copytree(
        tmp_path / RUNS, tmp_path / "other" / RUNS
    )  # killed before its first checkpoint
    assert run(variants[:1], dataset, tmp_path / "other") == trials(variants[:1], 1, 3)
    again = read_table(tmp_path / "other" / TABLE_FILE, Trial())
    for trial, row in again.items():
        assert row | {"minutes": 0} == table[trial] | {"minutes": 0}


def test_a_wrong_variant_is_refused_before_anything_is_trained(dataset, tmp_path):
    with pytest.raises(InputError, match=r"found 'network\.widht'"):
        run(("", "network.widht=3"), dataset, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_base_is_set_for_all_its_variants():
    base = "network.width=48 batch_size=8"
    plain, changed = trials(("", "network.width=64 max_moves=9"), 1, 5, base)
    assert changed.compared_with == plain and plain.name != trials(("",), 1, 5)[0].name
    assert plain.config(BASE) == replace(
        BASE, network=replace(BASE.network, width=48), batch_size=8, steps=5
    )
    config = changed.config(BASE)
    assert (config.network.width, config.batch_size, config.max_moves) == (64, 8, 9)


def test_intervals_take_their_spread_from_all_rows():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        seeds = rng.normal(size=2)
        values = np.array([0.0, 1.0, 1.0, 2.0])[:, None] + seeds + 0.3 * rng.normal(size=(4, 2))
        values[3, 1] = np.nan
        means, low, high = paired_intervals(values).T
        covered.append((low <= [0, 1, 1, 2]) & (high >= [0, 1, 1, 2]))
        assert high[3] - means[3] == pytest.approx(2**0.5 * (high[1] - means[1]))
    np.testing.assert_allclose(np.mean(covered, axis=0)[1:], 0.95, atol=0.035)
    alone = paired_intervals(np.array([[1.0], [1.5]]))
    assert alone[1].tolist() == [0.5, -np.inf, np.inf]


def test_the_command_shows_differences_to_the_base(tmp_path, capsys):
    assert main(["study", "recipe", "--out", str(tmp_path)]) == 2
    assert "give --data" in capsys.readouterr().err
    for seed in range(2):
        for variant, more in (("", 0.0), (FEWER, 0.1 + seed / 50), ("network.heads=8", 0.3)):
            figures: dict = dict.fromkeys(EVALUATED, 0.5 + more)
            figures |= {"cost": 1.5, "steps_taken": 267, "parameters": 9}
            add_row(tmp_path / TABLE_FILE, Trial(variant, seed), figures)
    other = "network.layers=2"  # of another base, compared with nothing else
    add_row(tmp_path / TABLE_FILE, Trial(base=other), figures)
    found = comparisons(read_table(tmp_path / TABLE_FILE, Trial()))
    assert [(one.base, len(one.variants)) for one in found] == [("", 3), (other, 1)]
    assert main(["study", "recipe", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["bases"][0]["variants"]
    assert [row["variant"] for row in found] == ["", FEWER, "network.heads=8"]
    assert found[1]["differences"]["regret"]["mean"] == pytest.approx(0.11)
    assert found[1]["about"]["steps_taken"] == 267
    for number in (1, 2):
        assert (tmp_path / f"recipe-{number}.svg").read_text().startswith("<?xml")
    assert main(["study", "recipe", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"| `{FEWER}` | 2 | 1.50 | 267 | 9 | +0.1100 ± 0." in shown
    assert f"Base: `{other}`; 400 steps." in shown


def test_the_committed_table_is_what_the_committed_trials_say(tmp_path, capsys):
    committed = ROOT / "docs" / "recipe_trials"
    shutil.copy(committed / TABLE_FILE, tmp_path)
    assert main(["study", "recipe", "--out", str(tmp_path)]) == 0
    assert (committed / "README.md").read_text().endswith("\n\n" + capsys.readouterr().out)
    table = read_table(tmp_path / TABLE_FILE, Trial())
    assert all(trial.compared_with in table for trial in table)
