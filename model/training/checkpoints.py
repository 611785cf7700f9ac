"""Checkpoints of a training run (Orbax): whole or not there, with the place in the data."""

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax
import orbax.checkpoint as ocp

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.files import write_atomically
from model.config import current_fields
from model.training.step import TrainState

CONFIG_FILE = "config.json"

# What a resumed run may change: how long it goes on, and what is written down on the way.
CHANGEABLE = (
    "steps",
    "minutes",
    "log_every",
    "checkpoint_every",
    "evaluate_every",
    "evaluation_positions",
    "evaluation_split",
)


class Progress(NamedTuple):
    """How far a run has come, beside its `TrainState`."""

    place: dict[str, Any]
    """The data iterator's."""
    seconds: float
    """Trained so far."""
    schedule: list[tuple[int, int | str]]
    """From which step on the learning rate fell over how many steps, or minutes; more than one
    entry where a resumed run was given another number."""
    action_values: int
    """Trained on so far."""


class Checkpoints:
    """The newest two checkpoints of the run in ``out``; a context manager."""

    def __init__(
        self, out: Path, config: dict[str, Any], resume: bool, defaults: dict[str, Any]
    ) -> None:
        """``defaults`` are those of settings that a run of an earlier version did not have.

        Raises InputError if ``out`` does not hold what ``resume`` says.
        """
        path = out / CONFIG_FILE
        if resume:
            _check_config(path, config, defaults)
        elif path.exists():
            raise InputError(
                f"expected a new directory, found a run in {out}; add --resume, or "
                "choose another --out"
            )
        out.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, create=True, enable_async_checkpointing=False
        )
        directory = (out / "checkpoints").absolute()
        self._manager = ocp.CheckpointManager(directory, options=options)
        write_atomically(path, (json.dumps(config, indent=2) + "\n").encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._manager.close()

    def save(self, step: int, state: TrainState, progress: Progress) -> None:
        """Keep all that going on needs. Raises ArgmaxError where the disk has no room for it."""
        self._check_room(state)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonSave(progress._asdict()),  # pyright: ignore[reportCallIssue]
            ),
        )

    def _check_room(self, state: TrainState) -> None:
        """Asked beforehand: on a full disk Orbax fails in many threads at once, with pages of text.

        Twice the state's size is wanted, since the files of a checkpoint are written beside it.
        """
        wanted = 2 * sum(array.nbytes for array in jax.tree.leaves(state)) + (1 << 20)
        directory = Path(self._manager.directory)
        free = shutil.disk_usage(directory).free
        if free < wanted:
            raise ArgmaxError(
                f"expected {wanted >> 20} MiB free for a checkpoint in {directory}, found "
                f"{free >> 20}; free space and go on with --resume"
            )

    def restore(self, like: TrainState) -> tuple[TrainState, Progress]:
        """The newest checkpoint, with shapes and devices as in ``like``.

        Raises InputError if there is none: the run was stopped before its first.
        """
        step = self._manager.latest_step()
        if step is None:
            raise InputError(
                f"expected a checkpoint in {self._manager.directory}, found none; "
                "delete the run's directory and start over without --resume"
            )
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonRestore(),
            ),
        )
        return TrainState(**restored["state"]), Progress(**restored["progress"])


def _check_config(path: Path, config: dict[str, Any], defaults: dict[str, Any]) -> None:
    try:
        found = _filled(current_fields(json.loads(path.read_text())), defaults)
    except (FileNotFoundError, ValueError):
        raise InputError(f"expected a run to resume, found no {path}; leave out --resume") from None
    expected = current_fields(json.loads(json.dumps(config)))
    names = (expected.keys() | found.keys()) - set(CHANGEABLE)
    changed = sorted(name for name in names if expected.get(name) != found.get(name))
    if changed:
        name = changed[0]
        raise InputError(
            f"expected the configuration of the run in {path}, found {name} = "
            f"{_short(expected.get(name))} instead of {_short(found.get(name))}; resume with the "
            "same options"
        )


def _filled(found: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """What was found, and the defaults of what is not there, at any depth."""
    inner = {
        name: _filled(value, defaults[name])
        for name, value in found.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return defaults | found | inner


def _short(value: Any) -> str:
    """In a message: the record of a network that a run started from has hundreds of entries."""
    return textwrap.shorten(str(value), 60, placeholder=" ...")
