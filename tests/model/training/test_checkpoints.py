"""Checkpoints: damaged ones are passed over, one process writes them, diverged trainings none."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from data_pipeline.common.errors import ArgmaxError, InputError
from model.training import checkpoints as module
from model.training.checkpoints import Checkpoints, Position, resume_or_clear
from model.training.loop import Training
from model.training.run_log import METRICS_FILE, Counts, RunLog
from tests.helpers.mean_training import WIDTH, mean_training

CONFIG = {"batch_size": 8}


def run_to(training: Training, step: int, save: Checkpoints | None = None) -> Training:
    """Train to a step, with a checkpoint at every second one."""
    for _ in training.run():
        if save and training.step % 2 == 0:
            training.save(save)
        if training.step == step:
            break
    return training


def resumed(out: Path, config: dict | None = None) -> Training:
    """A new training that goes on from what is in ``out``."""
    training = mean_training()
    with Checkpoints(out, CONFIG if config is None else config, True, {}) as found:
        training.restore(found)
    return training


@pytest.fixture(scope="module")
def states() -> dict[int, Training]:
    """A training that was never stopped, at some steps."""
    return {step: run_to(mean_training(), step) for step in (2, 4, 6)}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """A run that was stopped at step 5, with checkpoints of the steps 2 and 4."""
    out = tmp_path_factory.mktemp("stopped") / "run"
    with Checkpoints(out, CONFIG, False, {}) as saved:
        run_to(mean_training(), 5, saved)
    return out


@pytest.fixture
def out(stopped, tmp_path) -> Path:
    """A copy of it, to damage."""
    return shutil.copytree(stopped, tmp_path / "run")


def assert_same(found: Training, expected: Training) -> None:
    """Everything that the rest of a training depends on."""
    jax.tree.map(np.testing.assert_array_equal, found.state, expected.state)
    assert found.step == expected.step
    assert found.batches.get_state() == expected.batches.get_state()
    assert found.action_values == expected.action_values


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def other(path: Path) -> None:
    path.write_bytes(b"[]")


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        cut,
        flip,
        other,
    ],
    ids=["removed", "cut", "flipped", "other"],
)
def test_a_file_of_the_newest_checkpoint_is_damaged(
    stopped: Path, tmp_path, states, capfd, damage: Callable[[Path], object]
):
    """What is restored is the newest checkpoint as it was, where Orbax does without that file, or
    the one before, which is said in one line. JSON of another kind is tried where there is JSON."""
    newest = stopped / "checkpoints" / "4"
    files = [path.relative_to(stopped) for path in newest.rglob("*") if path.is_file()]
    if damage is other:
        files = [file for file in files if (stopped / file).read_bytes().startswith(b"{")]
    reached, found = [], mean_training()
    for number, file in enumerate(files):
        copy = shutil.copytree(stopped, tmp_path / str(number))
        damage(copy / file)
        with Checkpoints(copy, CONFIG, True, {}) as saved:
            found.restore(saved)
        assert_same(found, states[found.step])
        said = capfd.readouterr().err
        if found.step == 2:
            assert said.count("\n") == 1 and "continues from step 2" in said
            assert [path.name for path in (copy / "checkpoints").iterdir()] == ["2"]
            assert (copy / "damaged_checkpoints" / "4").is_dir()
        else:
            assert said == ""
        reached.append(found.step)
    assert set(reached) == {2, 4}


def test_after_damage_the_training_ends_as_if_never_stopped(out, states, capsys):
    (out / "checkpoints" / "4" / "state" / "manifest.ocdbt").write_bytes(b"")
    (out / "checkpoints" / "999").mkdir()
    training = mean_training()
    with Checkpoints(out, CONFIG, True, {}) as saved:
        training.restore(saved)
        assert training.step == 2
        run_to(training, 6, saved)
    assert_same(training, states[6])
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["4", "6"]
    assert_same(resumed(out), states[6])
    lines = capsys.readouterr().err.splitlines()
    assert [re.findall(r"step \d+", line) for line in lines] == [
        ["step 999", "step 2"],
        ["step 4", "step 2"],
    ]


def test_no_checkpoint_can_be_read(out):
    for step in "24":
        (out / "checkpoints" / step / "progress" / "metadata").write_text("[]")
    before = sorted(out.rglob("*"))
    with pytest.raises(InputError, match=r"found none .*start again with another --out") as error:
        resumed(out)
    assert "\n" not in str(error.value)
    assert sorted(out.rglob("*")) == before


def test_killed_before_the_first_checkpoint_starts_at_step_0(tmp_path, states):
    with Checkpoints(tmp_path / "run", CONFIG, False, {}):
        pass
    unfinished = tmp_path / "run" / "checkpoints" / "2.orbax-checkpoint-tmp"
    unfinished.mkdir()
    training = resumed(tmp_path / "run")
    assert training.step == 0 and not unfinished.exists()
    assert_same(run_to(training, 6), states[6])


@pytest.mark.parametrize("text", ["[]", "{", "\udcff", "[" * 100_000, None])
def test_a_damaged_configuration_is_that_of_the_checkpoint(out, states, capsys, text):
    path = out / "config.json"
    path.unlink()
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match="found batch_size = 9 instead of 8"):
        resumed(out, {"batch_size": 9})
    with pytest.raises(InputError, match="found a run in"):
        Checkpoints(out, CONFIG, False, {})
    with Checkpoints(out, CONFIG, True, {}) as saved:
        (training := mean_training()).restore(saved)
        assert_same(training, states[4])
        shutil.rmtree(out / "checkpoints" / "4")
        training.save(saved)
    assert json.loads(path.read_text()) == CONFIG
    assert capsys.readouterr().err.count("\n") == 2


def test_a_damaged_log_loses_only_the_damaged_lines(tmp_path):
    lines = [b'{"step": 1}', b"[]", b"", b"3", b"{}", b'{"step": "2"}', b"\xff", b"[" * 100_000]
    lines += [b'{"step": 2}', b'{"step": 3}', b'{"st']
    (tmp_path / METRICS_FILE).write_bytes(b"\n".join(lines))
    with RunLog(tmp_path, 4, Counts(2, 1.0, 16, 16), 0.5):
        pass
    assert (tmp_path / METRICS_FILE).read_bytes() == b'{"step": 1}\n{"step": 2}\n'


def test_two_trainings_in_one_directory(out):
    with Checkpoints(out, CONFIG, True, {}):
        for resume in (True, False):
            with pytest.raises(InputError, match=r"to train in .* alone"):
                Checkpoints(out, CONFIG, resume, {})
    assert resumed(out).step == 4
    assert not (out / module.LOCK_FILE).exists()


def test_a_run_with_fewer_steps_than_done_is_not_resumed(out):
    with (
        Checkpoints(out, CONFIG, True, {}) as saved,
        pytest.raises(InputError, match="steps of at least 4, which the run has done, found 3"),
    ):
        mean_training(steps=3).restore(saved)


def test_a_loss_that_is_not_finite_stops_the_training(out, tmp_path, capsys):
    training = mean_training()
    with Checkpoints(out, CONFIG, True, {}) as saved:
        training.restore(saved)
        training.batches.set_state({"left": np.nan})
        with pytest.raises(ArgmaxError, match=r"a loss of nan at step 5 \(finite at step 4\)"):
            run_to(training, 6, saved)
        with pytest.raises(ArgmaxError, match="parameters that are not finite"):
            training.save(saved)
    assert ArgmaxError.exit_status == 1
    assert resumed(out).step == 4


def test_parameters_that_are_not_finite_are_not_kept(tmp_path):
    """The loss of the last step is finite: it is that before the parameters were changed."""
    training = mean_training(steps=1, rate=np.inf)
    with pytest.raises(ArgmaxError, match="not finite at step 1"):
        list(training.run())


def test_a_checkpoint_with_numbers_that_are_not_finite_is_passed_over(out, capsys):
    """Earlier versions wrote such checkpoints."""
    training = run_to(mean_training(), 4)
    broken = training.state._replace(params={"mean": {"w": np.full(WIDTH, np.nan, np.float32)}})
    with Checkpoints(out, CONFIG, True, {}) as saved:
        saved.save(5, broken, Position(training.batches.get_state(), 1.0, [(0, 6)], 40))
    assert resumed(out).step == 4
    assert "numbers that are not finite" in capsys.readouterr().err


def test_checkpoints_of_earlier_versions_are_read(tmp_path, states):
    """They were written through Orbax's manager, without a checksum and the configuration."""
    with Checkpoints(tmp_path, CONFIG, False, {}):
        pass
    training = run_to(mean_training(), 4)
    fields = {"place": training.batches.get_state(), "seconds": 1.0, "schedule": [[0, 6]]}
    state = ocp.args.StandardSave(training.state._asdict())  # pyright: ignore[reportCallIssue]
    progress = ocp.args.JsonSave(fields | {"action_values": 32})  # pyright: ignore[reportCallIssue]
    with ocp.CheckpointManager(tmp_path / "checkpoints") as manager:
        manager.save(4, args=ocp.args.Composite(state=state, progress=progress))
    assert_same(resumed(tmp_path), states[4])
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match="found a damaged file; start again"):
        resumed(tmp_path)


def test_what_is_left_without_a_checkpoint_is_deleted(tmp_path):
    with Checkpoints(tmp_path / "run", {}, False, {}):
        assert (tmp_path / "run").exists()
    assert not resume_or_clear(tmp_path / "run")
    assert not (tmp_path / "run").exists()
