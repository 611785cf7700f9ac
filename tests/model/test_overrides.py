"""Fields of a configuration set by name: typed by the field, and checked."""

import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from data_pipeline.common.errors import InputError
from model.config import PRESETS, RECIPES, BoardConfig, Setup
from model.network.network_file import load_network
from model.overrides import override, settable
from tests.helpers.random_chess import write_dataset

SETUP = Setup(BoardConfig(), RECIPES["argmax"].loss, RECIPES["argmax"].optimizer)


def flat(config) -> dict:
    return {
        f"{part}.{name}": value
        for part, values in asdict(config).items()
        for name, value in values.items()
    }


@pytest.mark.parametrize("setup", PRESETS, ids=str)
def test_every_field_takes_its_own_value_back(setup):
    recipe = RECIPES[PRESETS[setup].recipe]
    config = Setup(PRESETS[setup].network, recipe.loss, recipe.optimizer)
    values = flat(config)
    names = settable(config)
    assert set(values) - set(names) == {"network.layout", "network.target"}
    texts = [f"{n}={str(values[n]).lower() if names[n] is bool else values[n]}" for n in names]
    assert override(config, texts) == config


def test_only_what_is_set_changes():
    before = flat(SETUP)
    after = flat(override(SETUP, ["network.width=192", "optimizer.ema_decay=0.9995"]))
    assert after.pop("network.width") == 192 and after.pop("optimizer.ema_decay") == 0.9995
    assert after.items() <= before.items()
    assert not override(SETUP, ["optimizer.ema_warmup=false"]).optimizer.ema_warmup


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("network.width", "as in network.width=192"),
        ("network.depth=3", "expected one of the settings network.width, .* found 'network.depth'"),
        ("network.layout=board", "expected one of the settings"),
        ("network=3", "expected one of the settings"),
        ("network.width=wide", "expected a whole number for network.width, found 'wide'"),
        ("network.width=1.5", "expected a whole number"),
        ("loss.sigma_bins=nan", "expected a number for loss.sigma_bins"),
        ("optimizer.kind=sgd", "optimizer.kind to be one of muon, adam, found 'sgd'"),
        ("optimizer.ema_warmup=1", "to be one of true, false"),
        ("network.heads=7", "must divide by heads"),
    ],
)
def test_what_is_wrong_is_said(setting, message):
    with pytest.raises(InputError, match=message):
        override(SETUP, [setting])


def test_the_command_trains_what_is_set(tmp_path):
    """In processes of their own: the number of devices can be set only once in each."""
    (tmp_path / "data").mkdir()
    write_dataset(tmp_path / "data")
    program = "import sys; from uci.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "train", "--data", str(tmp_path / "data")]
    command += ["--out", str(tmp_path / "run"), "--preset", "tiny", "--steps", "1"]
    command += ["--batch-size", "8", "--cpu-devices", "1"]
    wrong = subprocess.run(
        [*command, "--set", "network.widht=4"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "network.width" in wrong.stderr
    settings = ["--set", "network.layers=1", "--set", "loss.ranking_weight=0.5"]
    subprocess.run([*command, *settings], capture_output=True, check=True)
    network = load_network(tmp_path / "run" / "network.safetensors")
    assert network.config == replace(PRESETS["tiny"].network, layers=1)
    assert network.training["config"]["loss"]["ranking_weight"] == 0.5
