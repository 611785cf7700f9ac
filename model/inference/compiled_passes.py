"""Compiled passes of networks, kept on disk between processes.

JAX's own cache keeps what XLA compiled, but finds it only after tracing and lowering the whole
network again, for each shape. That, and importing Haiku for it, is most of what a start costs. Here
the compiled pass itself is looked up, by all that it depends on: the network's configuration and
the shapes of its parameters, the type that it computes in, the shapes of the inputs, the code, the
versions of JAX, and the CPU. What cannot be read is compiled again.

A stored pass is machine code, so the folder must be one that only its owner can write to.
"""

import json
import os
import pickle
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from data_pipeline.common.files import write_atomically
from model.config import ComputeDtype, NetworkConfig
from model.network.network_file import Params

Pass = Callable[[Params, tuple[np.ndarray, ...]], jax.Array]
"""Parameters and input arrays -> what the network gives."""

SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision")
SOURCES = ("config.py", "inference/*.py", "network/*.py", "targets/*.py")


class CompiledPasses:
    """The passes of one kind of network in ``folder``, by the shapes of their inputs.

    ``parameters``: for their shapes. Networks that differ only in the numbers share their passes.
    """

    def __init__(
        self, folder: Path, config: NetworkConfig, dtype: ComputeDtype, parameters: Params
    ) -> None:
        network = {"config": asdict(config), "dtype": dtype, "parameters": _shapes(parameters)}
        self._folder = folder / _digest([network, _environment()])

    @property
    def any(self) -> bool:
        """Whether such a network was compiled before: its parameters fit its configuration."""
        return self._folder.is_dir() and any(self._folder.glob("*.pass"))

    def load(self, inputs: Sequence[np.ndarray]) -> Pass | None:
        """The pass for inputs of these shapes; None where there is none that can be used."""
        from jax.experimental.serialize_executable import deserialize_and_load

        try:
            return deserialize_and_load(*pickle.loads(self._path(inputs).read_bytes()))
        except Exception:  # missing, damaged, or not for this machine: it is compiled again
            return None

    def compile(self, function: Callable[..., jax.Array], params: Params, inputs: tuple) -> Pass:
        """``function(params, inputs)`` compiled, and kept if the folder can be written to."""
        from jax.experimental.serialize_executable import serialize

        compiled = jax.jit(function).lower(params, inputs).compile()
        with suppress(Exception):  # a read-only home, a full disk: only the next start is slower
            data = pickle.dumps(serialize(compiled))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path(inputs), data)
        return compiled

    def _path(self, inputs: Sequence[np.ndarray]) -> Path:
        return self._folder / f"{_digest(_shapes({'inputs': dict(enumerate(inputs))}))}.pass"


def _shapes(arrays: Any) -> list:
    """Nested dicts of arrays -> their names, shapes and types."""
    return [
        [group, str(name), list(array.shape), str(array.dtype)]
        for group, of_group in arrays.items()
        for name, array in of_group.items()
    ]


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _environment() -> dict[str, Any]:
    """All that a compiled pass depends on besides the network and its inputs."""
    model = Path(__file__).parents[1]
    files = [file for pattern in SOURCES for file in sorted(model.glob(pattern))]
    return {
        "code": sha256(b"".join(file.read_bytes() for file in files)).hexdigest(),
        "versions": [version(package) for package in ("jax", "jaxlib", "dm-haiku")],
        "device": [jax.default_backend(), jax.devices()[0].device_kind, jax.device_count()],
        "cpu": [platform.machine(), os.cpu_count(), _cpu_features()],
        "settings": [str(jax.config.values.get(name)) for name in SETTINGS],
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def _cpu_features() -> str:
    """The first processor's description; machines that share a home may differ in it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read(1 << 14).partition("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    kept = ("vendor_id", "model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in lines if line.startswith(kept))
