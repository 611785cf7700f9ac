"""Checkpoints of a training (Orbax): whole or not there, with the state of the data iterator."""

import gc
import hashlib
import io
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple, Self

import jax
import numpy as np
import orbax.checkpoint as ocp

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.files import lock, write_atomically
from data_pipeline.common.plain_text import one_line, say
from model.config import current_fields
from model.training.step import TrainState

CONFIG_FILE = "config.json"
DIRECTORY = "checkpoints"
DAMAGED = "damaged_checkpoints"
LOCK_FILE = ".lock"
KEPT = 2
_UNFINISHED = ".orbax-checkpoint-tmp"

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
    found = bool(_steps(out / DIRECTORY))
    if not found:
        shutil.rmtree(out, ignore_errors=True)
    return found


class Checkpoints:
    """The newest checkpoints, `KEPT` of them, of the run in ``out``; a context manager.

    From its making to its end, no other process can train in ``out``.
    """

    def __init__(
        self, out: Path, config: dict[str, Any], resume: bool, defaults: dict[str, Any]
    ) -> None:
        """``config``: what makes the run; ``defaults``: of settings that earlier versions lacked.

        Raises InputError if ``out`` holds a run and ``resume`` is not set, or the other way round,
        if the run there has another configuration, or if another process trains it.
        """
        self._out, self._config, self._defaults = out, config, defaults
        path = out / CONFIG_FILE
        if resume and not _holds_run(out):
            raise InputError(f"expected a run to resume, found no {path}; leave out --resume")
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(lock(out / LOCK_FILE, f"train in {out}"))
            if resume:
                self._found = _read_config(path)
                if self._found is not None:
                    self._check_config(self._found)
            elif _holds_run(out):
                raise InputError(
                    f"expected a new directory, found a run in {out}; add --resume, or "
                    "choose another --out"
                )
            else:
                self._write_config()
            self._directory = (out / DIRECTORY).absolute()
            self._directory.mkdir(exist_ok=True)
            for unfinished in self._directory.glob(f"*{_UNFINISHED}*"):
                shutil.rmtree(unfinished)
            handler = ocp.CompositeCheckpointHandler()
            self._orbax = stack.enter_context(ocp.Checkpointer(handler))
            self._held = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()

    def save(self, step: int, state: TrainState, position: Position) -> None:
        """Keep all that resuming needs. Raises ArgmaxError where the disk has no room for it."""
        self._check_room(state)
        self._write_config()
        fields = position._asdict() | {"config": self._config}
        fields["place"] = fields.pop("iterator_state")  # its name in files
        fields["checksum"] = checksum(state, fields)
        self._orbax.save(
            self._directory / str(step),
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonSave(fields),  # pyright: ignore[reportCallIssue]
            ),
        )
        for old in _steps(self._directory)[KEPT:]:
            shutil.rmtree(self._directory / str(old))

    def _check_room(self, state: TrainState) -> None:
        """On a full disk Orbax would fail in many threads at once, with pages of text.

        Twice the state's size is needed: a checkpoint is first written to temporary files.
        """
        wanted = 2 * sum(array.nbytes for array in jax.tree.leaves(state)) + (1 << 20)
        free = shutil.disk_usage(self._directory).free
        if free < wanted:
            raise ArgmaxError(
                f"expected {wanted >> 20} MiB free for a checkpoint in {self._directory}, found "
                f"{free >> 20}; free space and run the command again (argmax train: with --resume)"
            )

    def restore(self, like: TrainState) -> tuple[TrainState, Position] | None:
        """The newest checkpoint that can be read, with shapes and devices as in ``like``.

        Newer ones are named on standard error and moved to the directory `DAMAGED`. None if the run
        was stopped before its first checkpoint. Raises InputError if none of them can be read.
        """
        damaged: dict[int, str] = {}
        with _quiet():
            found = self._newest(like, damaged)
            if damaged:
                gc.collect()  # ends the coroutines of Orbax that wait for them
        if found is not None:
            state, position, config = found
            if self._found is None:
                self._check_config(config)
            self._set_aside(damaged, int(state.step))
            return state, position
        if damaged:
            step, reason = next(iter(damaged.items()))
            raise InputError(
                f"expected a checkpoint that can be read in {self._directory}, found none "
                f"(step {step}: {reason}); start again with another --out"
            )
        return None

    def _newest(
        self, like: TrainState, damaged: dict[int, str]
    ) -> tuple[TrainState, Position, Any] | None:
        """The newest that can be read; puts newer ones, each with the reason, in ``damaged``."""
        for step in _steps(self._directory):
            try:
                return self._read(step, like)
            except Exception as error:  # a damaged file may raise anything in Orbax and TensorStore
                damaged[step] = _short(one_line(f"{type(error).__name__}: {error}"), 100)
        return None

    def _read(self, step: int, like: TrainState) -> tuple[TrainState, Position, Any]:
        """The state, the position and the configuration (None in those of earlier versions)."""
        restored = self._orbax.restore(
            self._directory / str(step),
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonRestore(),
            ),
        )
        state, fields = TrainState(**restored["state"]), dict(restored["progress"])
        written = fields.pop("checksum", None)
        if written is not None and written != checksum(state, fields):
            raise ValueError("its checksum differs")
        if not all_finite(state):
            raise ValueError("it holds numbers that are not finite")
        config = fields.pop("config", None)
        fields["iterator_state"] = fields.pop("place")
        return state, Position(**fields), config

    def _set_aside(self, damaged: dict[int, str], restored: int) -> None:
        """Move damaged checkpoints, so that they are not kept as the newest ones."""
        for step, reason in damaged.items():
            target = self._out / DAMAGED / str(step)
            say(
                f"the checkpoint of step {step} cannot be read ({reason}); it is now {target}, and "
                f"the run goes on from step {restored}",
                file=sys.stderr,
            )
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(self._directory / str(step), target)

    def _write_config(self) -> None:
        text = json.dumps(self._config, indent=2) + "\n"
        write_atomically(self._out / CONFIG_FILE, text.encode())

    def _check_config(self, found: Any) -> None:
        """Raise InputError where a run with the configuration ``found`` is another one."""
        path = self._out / CONFIG_FILE
        if not isinstance(found, dict):
            raise InputError(
                f"expected the configuration of the run in {path}, found a damaged file; start "
                "again with another --out"
            )
        found = _filled(current_fields(found), self._defaults)
        expected = current_fields(json.loads(json.dumps(self._config)))
        names = (expected.keys() | found.keys()) - set(CHANGEABLE)
        changed = sorted(name for name in names if expected.get(name) != found.get(name))
        if changed:
            name = changed[0]
            raise InputError(
                f"expected the configuration of the run in {path}, found {name} = "
                f"{_short(expected.get(name))} instead of {_short(found.get(name))}; resume with "
                "the same options"
            )


def checksum(state: TrainState, fields: dict[str, Any]) -> str:
    """BLAKE2 of a state and what is stored with it; hexadecimal."""
    digest = hashlib.blake2b(json.dumps(fields, sort_keys=True).encode(), digest_size=16)
    for path, array in jax.tree_util.tree_flatten_with_path(state)[0]:
        array = np.asarray(jax.device_get(array))
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def all_finite(state: TrainState) -> bool:
    """Whether all numbers of a state are finite."""
    arrays = (np.asarray(jax.device_get(array)) for array in jax.tree.leaves(state))
    return all(bool(np.isfinite(array).all()) for array in arrays)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep standard error free of what Orbax logs of a damaged checkpoint, and of the tracebacks
    that its threads and its unfinished coroutines print."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
        sys.unraisablehook = hook


def _holds_run(out: Path) -> bool:
    return (out / CONFIG_FILE).exists() or bool(_steps(out / DIRECTORY))


def _steps(directory: Path) -> list[int]:
    """The steps that have a checkpoint, damaged or not, the newest first."""
    names = [path.name for path in directory.glob("[0-9]*")]
    return sorted((int(n) for n in names if n.isdecimal() and str(int(n)) == n), reverse=True)


def _read_config(path: Path) -> dict[str, Any] | None:
    """A run's configuration; None, said on standard error, where its file is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    say(f"{path} cannot be read; the checkpoint's configuration is used", file=sys.stderr)
    return None


def _filled(found: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """What was found, with the defaults of what is missing, at any depth."""
    inner = {
        name: _filled(value, defaults[name])
        for name, value in found.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return defaults | found | inner


def _short(value: Any, length: int = 60) -> str:
    """In a message: the record of a network that a run started from has hundreds of entries."""
    return textwrap.shorten(str(value), length, placeholder=" ...")
