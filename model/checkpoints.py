"""Checkpoints of a training run (Orbax): whole or not there, with the place in the data."""

import json
from pathlib import Path
from typing import Any, Self

import orbax.checkpoint as ocp

from data_pipeline.dataset import write_atomically
from data_pipeline.errors import InputError
from model.training import TrainState

CONFIG_FILE = "config.json"


class Checkpoints:
    """The newest two checkpoints of the run in ``out``; a context manager."""

    def __init__(self, out: Path, config: dict[str, Any], resume: bool) -> None:
        """Raises InputError if ``out`` does not hold what ``resume`` says."""
        directory = out / "checkpoints"
        path = out / CONFIG_FILE
        if resume:
            _check_config(path, config)
        elif path.exists():
            raise InputError(f"expected a new directory, found a run in {out}; add --resume, or "
                             "choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        self._manager = ocp.CheckpointManager(
            directory.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=2, create=True, enable_async_checkpointing=False
            ),
        )
        if not resume:
            write_atomically(path, (json.dumps(config, indent=2) + "\n").encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._manager.close()

    def save(self, step: int, state: TrainState, place: dict[str, Any], seconds: float) -> None:
        """Keep the state, the data iterator's place, and the seconds trained so far."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonSave(  # pyright: ignore[reportCallIssue]
                    {"place": place, "seconds": seconds}
                ),
            ),
        )

    def restore(self, like: TrainState) -> tuple[TrainState, dict[str, Any], float]:
        """The newest checkpoint, with shapes and devices as in ``like``; ``like`` if none is there.

        A run that was killed before its first checkpoint starts over.
        """
        step = self._manager.latest_step()
        if step is None:
            raise InputError("expected a checkpoint to resume from, found none")
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(like._asdict()),  # pyright: ignore[reportCallIssue]
                progress=ocp.args.JsonRestore(),
            ),
        )
        progress = restored["progress"]
        return TrainState(**restored["state"]), progress["place"], progress["seconds"]


def _check_config(path: Path, config: dict[str, Any]) -> None:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        raise InputError(f"expected a run to resume, found no {path}; leave out --resume") from None
    expected = json.loads(json.dumps(config))
    changed = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
    if changed:
        name = changed[0]
        raise InputError(
            f"expected the configuration of the run in {path}, found {name} = "
            f"{expected.get(name)} instead of {found.get(name)}; resume with the same options"
        )
