"""Checkpoints of a training (Orbax): whole or not there, with the state of the data iterator."""

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
DIRECTORY = "checkpoints"

# What a resumed run may change: how long it goes on, and what is logged on the way.
CHANGEABLE = (
    "steps",
    "minutes",
    "log_every",
    "checkpoint_every",
    "evaluate_every",
    "evaluation_positions",
    "evaluation_split",
)


class Position(NamedTuple):
    """How far a training has come, apart from its `TrainState`."""

    iterator_state: dict[str, Any]
    """Of the batches."""
    seconds: float
    """Trained so far."""
    schedule: list[tuple[int, int | str]]
    """From which step on the learning rate fell over how many steps, or minutes; more than one
    entry where a resumed run was given another number."""
    action_values: int
    """Trained on so far."""


def resume_or_clear(out: Path) -> bool:
    """Whether a run in ``out`` has a checkpoint to resume from; if not, ``out`` is deleted."""
    found = any((out / DIRECTORY).glob("[0-9]*"))
    if not found:
        shutil.rmtree(out, ignore_errors=True)
    return found


class Checkpoints:
    """The newest two checkpoints of the run in ``out``; a context manager."""

    def __init__(
        self, out: Path, config: dict[str, Any], resume: bool, defaults: dict[str, Any]
    ) -> None:
        """``config``: what makes the run; ``defaults``: of settings that earlier versions lacked.

        Raises InputError if ``out`` holds a run and ``resume`` is not set, or the other way round,
        or if the run there has another configuration.
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
        directory = (out / DIRECTORY).absolute()
        self._manager = ocp.CheckpointManager(directory, options=options)
        write_atomically(path, (json.dumps(config, indent=2) + "\n").encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._manager.close()

    def save(self, step: int, state: TrainState, position: Position) -> None:
        """Keep all that resuming needs. Raises ArgmaxError where the disk has no room for it."""
        self._check_room(state)
        fields = position._asdict()
        fields["place"] = fields.pop("iterator_state")  # its name in files
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonSave(fields),  # pyright: ignore[reportCallIssue]
            ),
        )

    def _check_room(self, state: TrainState) -> None:
        """On a full disk Orbax would fail in many threads at once, with pages of text.

        Twice the state's size is needed: a checkpoint is first written to temporary files.
        """
        wanted = 2 * sum(array.nbytes for array in jax.tree.leaves(state)) + (1 << 20)
        directory = Path(self._manager.directory)
        free = shutil.disk_usage(directory).free
        if free < wanted:
            raise ArgmaxError(
                f"expected {wanted >> 20} MiB free for a checkpoint in {directory}, found "
                f"{free >> 20}; free space and run the command again (argmax train: with --resume)"
            )

    def restore(self, like: TrainState) -> tuple[TrainState, Position]:
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
        fields = restored["progress"]
        fields["iterator_state"] = fields.pop("place")
        return TrainState(**restored["state"]), Position(**fields)


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
    """What was found, with the defaults of what is missing, at any depth."""
    inner = {
        name: _filled(value, defaults[name])
        for name, value in found.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return defaults | found | inner


def _short(value: Any) -> str:
    """In a message: the record of a network that a run started from has hundreds of entries."""
    return textwrap.shorten(str(value), 60, placeholder=" ...")
