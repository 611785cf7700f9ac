"""Checkpoints (Orbax) of Ruoss et al. 2024 <-> networks of the architecture `sequence`.

A published checkpoint is a folder with a folder for each training step, which holds the parameters
after that step (``params``) and their moving average (``params_ema``).
"""

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orbax.checkpoint as ocp
import tensorstore

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.actions import NUM_ACTIONS
from model.config import PRESETS, SequenceConfig, Target
from model.network.architecture import parameter_shapes
from model.network.network_file import Network, Params

ORIGIN = (
    "google-deepmind/searchless_chess: Ruoss et al. 2024, Amortized Planning with Large-Scale "
    "Transformers: A Case Study on Chess"
)
LICENCE = "CC-BY-4.0"
"""Licence of the published weights."""
PUBLISHED_STEP = 6_400_000
"""The step at which the reference's tools look for the parameters of their presets."""

CLONING: Target = "behavioral-cloning"
_AS_PUBLISHED = "unpack the published archive again, or see docs/searchless_chess.md for its files"

Shapes = dict[tuple[str, ...], tuple[int, ...]]
"""(module, parameter) -> shape."""


def import_reference(
    directory: Path,
    config: SequenceConfig,
    *,
    ema: bool = False,
    step: int | None = None,
    name: str = "reference",
    licence: str = LICENCE,
) -> Network:
    """Read ``directory/STEP/params``, or ``params_ema``, for the step ``step`` or else the last
    one.

    Behavioral cloning is recognized by the number of outputs. The targets 'action-value' and
    'state-value' have the same parameters, so ``config`` decides between them.

    Raises InputError if names or shapes differ from those of ``config``, if a number is not finite,
    or if the files have another format or are incomplete.
    """
    step = _last_step(directory) if step is None else step
    path = directory / str(step) / ("params_ema" if ema else "params")
    if not (path / "_METADATA").is_file():
        folder = next((at for at in (path, path.parent) if at.is_dir()), directory)
        raise InputError(
            f"expected a checkpoint in {path}, found {_listing(folder)} in {folder}; "
            f"{_AS_PUBLISHED}"
        )
    config, params = _read(path.absolute(), config)
    record = {"origin": ORIGIN, "checkpoint": {"step": step, "parameters": path.name}}
    return Network(config, params, name, licence, record)


def export_reference(network: Network, directory: Path, step: int = PUBLISHED_STEP) -> Path:
    """Write the network's parameters to ``directory/STEP/params`` and ``params_ema``; returns
    ``directory/STEP``.

    The inverse of `import_reference`. Raises InputError for a network of another architecture, or
    if the folder of the step exists.
    """
    if not isinstance(network.config, SequenceConfig):
        raise InputError(
            "expected a network of the architecture 'sequence', found "
            f"'{network.config.architecture}', which the reference's tools cannot read"
        )
    target = directory / str(step)
    if target.exists():
        raise InputError(f"expected no {target}, found one; choose another folder, or --step")
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".export-") as temporary:
        written = Path(temporary).absolute() / target.name
        with ocp.PyTreeCheckpointer(use_ocdbt=True, use_zarr3=False) as checkpointer:
            for item in ("params", "params_ema"):
                checkpointer.save(written / item, network.params)
        os.replace(written, target)
    return target


def _last_step(directory: Path) -> int:
    if not directory.is_dir():
        found = "a file; unpack it first" if directory.exists() else "nothing there"
        raise InputError(f"expected a checkpoint's folder at {directory}, found {found}")
    steps = [int(at.name) for at in directory.iterdir() if at.name.isdecimal() and at.is_dir()]
    if not steps:
        raise InputError(
            f"expected a folder named by its step, such as {PUBLISHED_STEP}, in {directory}, "
            f"found {_listing(directory)}; {_AS_PUBLISHED}"
        )
    return max(steps)


def _listing(folder: Path) -> str:
    names = sorted(at.name for at in folder.iterdir()) if folder.is_dir() else []
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"


def _read(path: Path, config: SequenceConfig) -> tuple[SequenceConfig, Params]:
    """The configuration and the parameters, float32, of one checkpoint. Raises InputError.

    Shapes are checked before any large array is read. A network with one output for each action is
    one of behavioral cloning. Read with TensorStore, not Orbax, which does not name the array of a
    damaged checkpoint that it fails on.
    """
    arrays = {key: _open(path, key) for key in _names(path)}
    shapes = {key: tuple(array.shape) for key, array in arrays.items()}
    if any(key[-1] == "b" and shape == (NUM_ACTIONS,) for key, shape in shapes.items()):
        config = replace(config, target=CLONING)
    _check_shapes(shapes, parameter_shapes(config), path)
    params: Params = {}
    for (module, parameter), stored in arrays.items():
        try:
            array = np.asarray(stored.read().result(), np.float32)
        except ValueError as error:
            raise _unreadable(path, f"{module}//{parameter}: {error}") from None
        if not np.isfinite(array).all():
            raise InputError(
                f"expected finite numbers, found others in {module}//{parameter} of {path}"
            )
        params.setdefault(module, {})[parameter] = array
    return config, params


def _names(path: Path) -> list[tuple[str, ...]]:
    """(module, parameter) of all arrays that a checkpoint's ``_METADATA`` lists."""
    try:
        metadata = json.loads((path / "_METADATA").read_text())
        arrays = metadata["tree_metadata"].values()
        names = [tuple(str(key["key"]) for key in array["key_metadata"]) for array in arrays]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"_METADATA: {error!r}") from None
    if metadata.get("use_zarr3") or not metadata.get("use_ocdbt", True):
        raise _unreadable(path, "_METADATA: a newer layout than arrays of Zarr 2 in OCDBT")
    return names


def _open(path: Path, key: tuple[str, ...]) -> Any:
    """A `tensorstore.TensorStore`; only its shape and type are read here."""
    store = {"driver": "ocdbt", "base": f"file://{path}/", "path": ".".join(key) + "/"}
    try:
        return tensorstore.open({"driver": "zarr", "kvstore": store}).result()
    except ValueError as error:
        raise _unreadable(path, f"{'//'.join(key)}: {error}") from None


def _unreadable(path: Path, reason: str) -> InputError:
    reason = reason.partition(" [tensorstore_spec")[0][:300]
    return InputError(
        f"expected a whole checkpoint of the published layout in {path}, found one that cannot be "
        f"read ({reason}); {_AS_PUBLISHED}"
    )


def _check_shapes(found: Shapes, expected: Shapes, path: Path) -> None:
    wrong = [key for key in expected | found if expected.get(key) != found.get(key)]
    if not wrong:
        return
    key = wrong[0]
    presets = {name: preset.network for name, preset in PRESETS.items()}
    fitting = [
        name
        for name, network in presets.items()
        if isinstance(network, SequenceConfig)
        and found in [parameter_shapes(n) for n in (network, replace(network, target=CLONING))]
    ]
    raise InputError(
        f"expected {'//'.join(key)} of shape {expected.get(key, 'none')}, found "
        f"{found.get(key, 'none')} in {path}; "
        + (f"it fits --preset {fitting[0]}" if fitting else "it fits no preset")
    )
