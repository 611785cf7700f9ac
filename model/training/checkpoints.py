"""Checkpoints of a training run (Orbax): atomic, with the state of the data iterator."""

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

# Settings that may change when a run is resumed: its length, and what is logged.
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
    """How far a training run has come, apart from its `TrainState`."""

    iterator_state: dict[str, Any]
    """The state of the iterator of batches."""
    seconds: float
    """Training time so far."""
    schedule: list[tuple[int, int | str]]
    """(step, length): from that step on, the learning rate followed a schedule of that length, in
    steps or in minutes. There is a new entry when a run is resumed with another length."""
    action_values: int
    """Move values trained on so far."""


def resume_or_clear(out: Path) -> bool:
    """Whether the run in ``out`` has a checkpoint to resume from; if not, ``out`` is deleted."""
    found = bool(_steps(out / DIRECTORY))
    if not found:
        shutil.rmtree(out, ignore_errors=True)
    return found


class Checkpoints:
    """The last `KEPT` checkpoints of the run in ``out``; a context manager.

    It holds a lock from the constructor to the exit, so that no other process trains in ``out``.
    """

    def __init__(
        self, out: Path, config: dict[str, Any], resume: bool, defaults: dict[str, Any]
    ) -> None:
        """``config`` identifies the run; ``defaults`` are for settings that earlier versions
        lacked.

        Raises InputError if ``out`` holds a run and ``resume`` is false, or the other way round, if
        that run has another configuration, or if another process trains it.
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
            self._resources = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._resources.close()

    def save(self, step: int, state: TrainState, position: Position) -> None:
        """Write all that is needed to resume. Raises ArgmaxError if the disk is too full."""
        self._check_room(state)
        self._write_config()
        fields = position._asdict() | {"config": self._config}
        fields["place"] = fields.pop("iterator_state")  # the name in files
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
        """Raise ArgmaxError if the disk is too full, where Orbax would fail in many threads at
        once.

        Twice the size of the state is needed: a checkpoint is first written to temporary files.
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

        Newer ones, which are damaged, are named on standard error and moved to the directory
        `DAMAGED`. None if there are no checkpoints. Raises InputError if none can be read.
        """
        damaged: dict[int, str] = {}
        with _quiet():
            found = self._newest(like, damaged)
            if damaged:
                gc.collect()  # ends coroutines of Orbax that still wait for damaged files
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
        """The newest checkpoint that can be read; adds newer ones, with reasons, to ``damaged``."""
        for step in _steps(self._directory):
            try:
                return self._read(step, like)
            except Exception as error:  # a damaged file may raise anything in Orbax and TensorStore
                damaged[step] = _short(one_line(f"{type(error).__name__}: {error}"), 100)
        return None

    def _read(self, step: int, like: TrainState) -> tuple[TrainState, Position, Any]:
        """The state, the position and the configuration (None in checkpoints of earlier
        versions)."""
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
        """Move damaged checkpoints away, so that they do not count as the newest ones."""
        for step, reason in damaged.items():
            target = self._out / DAMAGED / str(step)
            say(
                f"the checkpoint of step {step} cannot be read ({reason}); it is now {target}, and "
                f"the run continues from step {restored}",
                file=sys.stderr,
            )
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(self._directory / str(step), target)

    def _write_config(self) -> None:
        text = json.dumps(self._config, indent=2) + "\n"
        write_atomically(self._out / CONFIG_FILE, text.encode())

    def _check_config(self, found: Any) -> None:
        """Raise InputError if ``found`` is the configuration of another run."""
        path = self._out / CONFIG_FILE
        if not isinstance(found, dict):
            raise InputError(
                f"expected the configuration of the run in {path}, found a damaged file; start "
                "again with another --out"
            )
        found = _with_defaults(current_fields(found), self._defaults)
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
    """BLAKE2 of a state and the fields stored with it; hexadecimal."""
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
    """Suppress what Orbax logs about a damaged checkpoint, and the tracebacks of its threads and
    unfinished coroutines."""
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
    """The steps with a checkpoint, damaged or not, newest first."""
    names = [path.name for path in directory.glob("[0-9]*")]
    return sorted((int(n) for n in names if n.isdecimal() and str(int(n)) == n), reverse=True)


def _read_config(path: Path) -> dict[str, Any] | None:
    """A run's configuration; None, with a note on standard error, if its file is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    say(f"{path} cannot be read; the checkpoint's configuration is used", file=sys.stderr)
    return None


def _with_defaults(found: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``found``, with missing entries from ``defaults``, at any depth."""
    inner = {
        name: _with_defaults(value, defaults[name])
        for name, value in found.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return defaults | found | inner


def _short(value: Any, length: int = 60) -> str:
    """A value for a message; the training record of a start network has hundreds of entries."""
    return textwrap.shorten(str(value), length, placeholder=" ...")
