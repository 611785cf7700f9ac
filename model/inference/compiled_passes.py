"""Compiled forward passes of networks, cached on disk between processes.

JAX's own cache stores what XLA compiled, but its key needs the network to be traced and lowered
again for each shape. That, and the import of Haiku for it, is most of the time of a start. Here the
key of a compiled pass is made of all that it depends on: the network's configuration, the shapes of
its parameters and inputs, the type that it computes in, the code, the versions of JAX, and the CPU.
A pass that cannot be read is compiled again.

A stored pass is machine code, so only its owner may be able to write to the folder.
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
"""Parameters and input arrays -> the network's output."""

SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_disable_most_optimizations",
)
SOURCES = ("config.py", "inference/*.py", "network/*.py", "targets/*.py")


class CompiledPasses:
    """The passes in ``folder`` of one network configuration, by the shapes of their inputs.

    Only the shapes of ``parameters`` matter: networks that differ only in their weights share
    passes.
    """

    def __init__(
        self, folder: Path, config: NetworkConfig, dtype: ComputeDtype, parameters: Params
    ) -> None:
        network = {"config": asdict(config), "dtype": dtype, "parameters": _shapes(parameters)}
        self._folder = folder / _digest([network, _environment()])

    @property
    def any(self) -> bool:
        """Whether such a network was compiled before, so that its parameters are known to fit its
        configuration."""
        return self._folder.is_dir() and any(self._folder.glob("*.pass"))

    def load(self, inputs: Sequence[np.ndarray]) -> Pass | None:
        """The pass for inputs of these shapes; None if there is none that can be used."""
        from jax.experimental.serialize_executable import deserialize_and_load

        try:
            return deserialize_and_load(*pickle.loads(self._path(inputs).read_bytes()))
        except Exception:  # missing, damaged, or not for this machine: it is compiled again
            return None

    def compile(self, function: Callable[..., jax.Array], params: Params, inputs: tuple) -> Pass:
        """Compile ``function(params, inputs)``, and store it if the folder is writable."""
        from jax.experimental.serialize_executable import serialize

        compiled = jax.jit(function).lower(params, inputs).compile()
        settings = jax.config.values
        if settings["jax_enable_compilation_cache"] and settings["jax_compilation_cache_dir"]:
            return compiled  # perhaps from JAX's cache: what is stored of such a pass cannot be run
        with suppress(Exception):  # read-only home or full disk: the next start compiles again
            data = pickle.dumps(serialize(compiled))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path(inputs), data)
        return compiled

    def _path(self, inputs: Sequence[np.ndarray]) -> Path:
        return self._folder / f"{_digest(_shapes({'inputs': dict(enumerate(inputs))}))}.pass"


def _shapes(arrays: Any) -> list:
    """Nested dicts of arrays -> names, shapes and types."""
    return [
        [group, str(name), list(array.shape), str(array.dtype)]
        for group, of_group in arrays.items()
        for name, array in of_group.items()
    ]


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _environment() -> dict[str, Any]:
    """Everything that a compiled pass depends on, except the network and its inputs."""
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
    """The description of the first CPU; machines that share a home directory may differ in it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = file.read(1 << 14).partition("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    kept = ("vendor_id", "model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in lines if line.startswith(kept))
