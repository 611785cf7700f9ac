"""Training: it learns, goes on after kill -9, uses several devices, refuses misfitting data."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.dataset.dataset import MANIFEST, Dataset
from model.config import TrainConfig, preset
from model.network.network_file import load_network
from model.training.checkpoints import Checkpoints, resume_or_clear
from model.training.loop import train
from tests.helpers.mean_training import mean_training
from tests.helpers.random_chess import write_dataset

STEPS = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    write_dataset(directory)
    return directory


def command(data: Path, out: Path, *options: str) -> list[str]:
    flags = ["--preset", "tiny", "--batch-size", "16", "--steps", str(STEPS), "--log-every", "1"]
    flags += ["--checkpoint-every", "4", "--evaluate-every", "6", "--evaluation-positions", "20"]
    program = "import sys; from uci.cli import main; sys.exit(main())"
    places = ["--data", str(data), "--out", str(out)]
    return [sys.executable, "-c", program, "train", *places, *flags, *options]


def start(*args) -> subprocess.Popen:
    return subprocess.Popen(command(*args), stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, error = process.communicate()
    assert process.returncode == 0, error


def metrics(out: Path) -> list[dict]:
    """The lines of a log without times and speeds, in which no two runs agree."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if "second" not in name} for line in lines]


@pytest.fixture(scope="module")
def whole_run(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(start(data, out, "--cpu-devices", "1"))
    return out


def test_a_run_logs_evaluates_and_learns(whole_run):
    lines = metrics(whole_run)
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert len(losses) == STEPS
    assert losses[-1] < losses[0]
    figures = [line for line in lines if line["kind"] == "evaluation"]
    assert [line["step"] for line in figures] == [6, 12]
    assert all(0 <= line["agreement"] <= 1 and 0 <= line["regret"] <= 1 for line in figures)
    assert list(whole_run.glob("events.out.tfevents.*"))
    assert load_network(whole_run / "network.safetensors").training["steps"] == STEPS


def test_killed_and_resumed_is_the_same_as_never_stopped(data, whole_run, tmp_path):
    out = tmp_path / "run"
    process = start(data, out, "--cpu-devices", "1")
    while not (out / "checkpoints" / "4").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert load_network(out / "network.safetensors").training["steps"] < STEPS
    finish(start(data, out, "--cpu-devices", "1", "--resume"))
    assert metrics(out) == metrics(whole_run)
    resumed, whole = (load_network(run / "network.safetensors") for run in (out, whole_run))
    for module, arrays in whole.params.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(resumed.params[module][name], array)


def test_four_devices_give_the_loss_of_one(data, whole_run, tmp_path):
    finish(start(data, tmp_path / "run", "--cpu-devices", "4"))
    for one, four in zip(metrics(whole_run), metrics(tmp_path / "run"), strict=True):
        assert one["step"] == four["step"]
        if one["kind"] == "train":
            np.testing.assert_allclose(four["loss"], one["loss"], rtol=1e-4)


def test_a_directory_with_a_run_is_not_overwritten(data, whole_run):
    config = TrainConfig(preset("tiny").network, steps=STEPS, batch_size=16)
    with pytest.raises(InputError, match="--resume"):
        train(config, Dataset(data), whole_run, resume=False)


def test_any_loss_can_be_trained_and_resumed(tmp_path):
    whole, first, second = (mean_training() for _ in range(3))
    losses = [float(parts["loss"]) for parts in whole.run()]
    with Checkpoints(tmp_path / "run", {}, resume_or_clear(tmp_path / "run"), {}) as checkpoints:
        stopped = [float(parts["loss"]) for _, parts in zip(range(3), first.run(), strict=False)]
        first.save(checkpoints)
    assert resume_or_clear(tmp_path / "run")
    with Checkpoints(tmp_path / "run", {}, True, {}) as checkpoints:
        second.restore(checkpoints)
        assert (second.step, second.share, second.action_values) == (first.step, 0.5, 8 * 3)
        stopped += [float(parts["loss"]) for parts in second.run()]
    assert stopped == losses and len(losses) == 6
    jax.tree.map(np.testing.assert_array_equal, second.state, whole.state)
    assert second.action_values == whole.action_values == 8 * 6
    assert second.seconds > first.seconds > 0


def test_the_host_waits_for_the_step_before_alone(monkeypatch):
    """So that the devices always have a step to do while the next batch is made."""
    training, waited = mean_training(), []
    training._wait_every = 4
    monkeypatch.setattr(jax, "block_until_ready", waited.append)
    losses = [parts["loss"] for parts in training.run()]
    of_step = [None if parts is None else losses.index(parts["loss"]) + 1 for parts in waited]
    assert of_step == [None, 1, 2, 4, 4, 6]  # after steps 1 to 6; times are exact after 4 and 6


def test_a_full_disk_is_one_error_and_keeps_the_last_checkpoint(data, tmp_path, monkeypatch):
    config = TrainConfig(
        preset("tiny").network, steps=3, batch_size=16, checkpoint_every=2, evaluation_positions=8
    )
    train(replace(config, steps=2), Dataset(data), tmp_path / "run", resume=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(ArgmaxError, match="free for a checkpoint"):
        train(config, Dataset(data), tmp_path / "run", resume=True)
    monkeypatch.undo()
    assert train(config, Dataset(data), tmp_path / "run", resume=True).training["steps"] == 3
    with pytest.raises(InputError, match="steps of at least 3, which the run has done, found 1"):
        train(replace(config, steps=1), Dataset(data), tmp_path / "run", resume=True)


def test_nothing_to_resume(data, tmp_path):
    config = TrainConfig(preset("tiny").network, steps=1, batch_size=16)
    with pytest.raises(InputError, match="leave out --resume"):
        train(config, Dataset(data), tmp_path / "none", resume=True)


def test_resuming_with_other_options_is_refused(data, whole_run):
    config = TrainConfig(preset("tiny").network, steps=STEPS, batch_size=32)
    with pytest.raises(InputError, match="found batch_size = 32 instead of 16"):
        train(config, Dataset(data), whole_run, resume=True)


def test_a_run_from_before_there_was_a_setting_resumes(data, tmp_path):
    config = TrainConfig(preset("tiny").network, steps=1, batch_size=16, evaluation_positions=8)
    train(config, Dataset(data), tmp_path / "run", resume=False)
    path = tmp_path / "run" / "config.json"
    before = json.loads(path.read_text())
    del before["focus"], before["loss"]["sigma_bins"], before["network"]["widening"]
    before["network"]["head_width"] = before["network"].pop("output_hidden_width")
    before["network"]["square_relations"], before["loss"]["policy_weight"] = "all", 1.0
    path.write_text(json.dumps(before))
    with pytest.raises(InputError, match=r"found focus = 0\.1 instead"):
        train(replace(config, steps=2, focus=0.1), Dataset(data), tmp_path / "run", resume=True)
    train(replace(config, steps=2), Dataset(data), tmp_path / "run", resume=True)


def test_resuming_with_another_number_of_steps_is_recorded(data, tmp_path):
    config = TrainConfig(preset("tiny").network, steps=2, batch_size=16, evaluation_positions=8)
    first = train(config, Dataset(data), tmp_path / "run", resume=False)
    longer = replace(config, steps=3)
    second = train(longer, Dataset(data), tmp_path / "run", resume=True)
    assert first.training["schedule"] == [[0, 2]]
    assert second.training["schedule"] == [[0, 2], [2, 3]]
    assert second.training["steps"] == 3


def test_bins_are_the_networks_whatever_those_of_the_datasets_card(data, tmp_path):
    config = TrainConfig(preset("tiny", bins=32).network, steps=2, batch_size=16)
    shutil.copytree(data, tmp_path / "data")
    card = json.loads((data / MANIFEST).read_text())
    (tmp_path / "data" / MANIFEST).write_text(json.dumps(card | {"bins": 32}))
    networks = [
        train(config, Dataset(directory), tmp_path / f"run-{number}", resume=False)
        for number, directory in enumerate((data, tmp_path / "data"))
    ]
    assert networks[0].bins.count == 32
    jax.tree.map(np.testing.assert_array_equal, networks[0].params, networks[1].params)


def test_a_dataset_smaller_than_a_batch_is_refused(data, tmp_path):
    config = TrainConfig(preset("tiny").network, steps=1, batch_size=512)
    with pytest.raises(InputError, match="at least one batch of 512"):
        train(config, Dataset(data), tmp_path / "run", resume=False)
