"""The network file: parameters and configuration in a single .safetensors file.

Tensors are named ``module//parameter`` and are all float32 or all float16. The header's metadata
has one entry, ``argmax``: JSON with the format version, the name, the licence, the configuration,
the training record and a checksum over all of these and the tensors. Files of earlier versions
without a checksum can still be read.

Files are not trusted: types and sizes are checked before they are used.
"""

import hashlib
import json
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import ValueBins
from model.config import NetworkConfig, config_from_dict, preset

METADATA_KEY = "argmax"
FORMAT_VERSION = 1
LICENCE = "GPL-3.0-or-later"

StoredDtype = Literal["float32", "float16"]

Params = dict[str, dict[str, np.ndarray]]
"""Haiku's parameters: module name -> parameter name -> array."""


class NetworkFileError(InputError):
    """A file that is not a network, is truncated, or has another format version."""


@dataclass(frozen=True)
class Network:
    """A network's configuration, parameters (float32) and training record."""

    config: NetworkConfig
    params: Params
    name: str = "unnamed"
    licence: str = LICENCE
    training: dict[str, Any] = field(default_factory=dict)
    """The training record: data, steps, hours, figures; free-form JSON."""
    stored: StoredDtype = "float32"
    """The type of the parameters in its file; float16 halves the size and has 11 significant
    bits."""

    @cached_property
    def bins(self) -> ValueBins:
        """The bins of its distributions."""
        return ValueBins(self.config.bins, self.config.mate_range)

    @property
    def parameter_count(self) -> int:
        """The number of learned parameters."""
        return sum(array.size for module in self.params.values() for array in module.values())

    def with_training(self, **entries: Any) -> "Network":
        """The same network with entries added to its training record."""
        return replace(self, training=self.training | entries)


def save_network(network: Network, path: str | Path) -> None:
    """Write a network file, atomically.

    Raises InputError if a parameter is too large for the type ``network.stored``.
    """
    from safetensors.numpy import save

    from data_pipeline.common.files import write_atomically

    metadata = {
        "format_version": FORMAT_VERSION,
        "name": network.name,
        "licence": network.licence,
        "config": asdict(network.config),
        "training": network.training,
    }
    tensors = {
        f"{module}//{name}": _stored(array, network.stored)
        for module, arrays in network.params.items()
        for name, array in arrays.items()
    }
    metadata["checksum"] = checksum(metadata, tensors)
    write_atomically(Path(path), save(tensors, {METADATA_KEY: json.dumps(metadata)}))


def load_network(path: str | Path) -> Network:
    """Read a network file; the inverse of `save_network`.

    Raises NetworkFileError if the file is not a network, is truncated or damaged, has numbers that
    are not finite, or has parameters that do not fit its configuration.
    """
    network = read_network(path)
    check_shapes(network, path)
    return network


def read_network(path: str | Path) -> Network:
    """`load_network` without `check_shapes`, which takes longer than everything else."""
    metadata = read_metadata(path)
    tensors = _read_tensors(path)
    if "checksum" in metadata and metadata["checksum"] != checksum(metadata, tensors):
        raise NetworkFileError(
            f"expected the parameters that were written to {path}, found others (its checksum "
            "differs); the file is damaged, get it again"
        )
    params: Params = {}
    for name, array in tensors.items():
        module, _, parameter = name.partition("//")
        if not np.isfinite(array).all():
            raise NetworkFileError(f"expected finite numbers, found others in {name} of {path}")
        params.setdefault(module, {})[parameter] = array.astype(np.float32, copy=False)
    try:
        config = config_from_dict(metadata["config"])
    except InputError as error:
        raise NetworkFileError(f"expected a network's configuration in {path}: {error}") from None
    network = Network(
        config,
        params,
        metadata["name"],
        metadata["licence"],
        metadata["training"],
        _stored_dtype(tensors, path),
    )
    _check_sizes(network, path)
    return network


def checksum(metadata: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """BLAKE2 of a network file's metadata, except the checksum itself, and tensors; hexadecimal."""
    covered = {name: value for name, value in metadata.items() if name != "checksum"}
    covered = json.loads(json.dumps(covered))  # as read from a file: keys are strings
    digest = hashlib.blake2b(json.dumps(covered, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()


def _stored(array: np.ndarray, dtype: StoredDtype) -> np.ndarray:
    if np.abs(array).max(initial=0) > np.finfo(dtype).max:
        raise InputError(f"expected parameters up to {np.finfo(dtype).max} for {dtype}")
    return np.ascontiguousarray(array, dtype)


def _stored_dtype(tensors: dict[str, np.ndarray], path: str | Path) -> StoredDtype:
    found = {str(array.dtype) for array in tensors.values()}
    for dtype in get_args(StoredDtype):
        if found == {dtype}:
            return dtype
    raise NetworkFileError(
        f"expected parameters all float32 or all float16 in {path}, "
        f"found {', '.join(sorted(found))}"
    )


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a network file, without reading its tensors. Raises NetworkFileError."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise NetworkFileError(f"expected a network file at {path}, found no regular file")
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > os.path.getsize(path):
                raise NetworkFileError(_not_a_network(path, "it is cut short, or another format"))
            header = json.loads(file.read(length))
        metadata = json.loads(header.get("__metadata__", {}).get(METADATA_KEY, "null"))
    except NetworkFileError:
        raise
    except OSError as error:
        raise NetworkFileError(f"expected a network file at {path}: {error.strerror}") from None
    except (struct.error, ValueError, TypeError, AttributeError, RecursionError):
        raise NetworkFileError(_not_a_network(path, "no safetensors header")) from None
    if not isinstance(metadata, dict):
        raise NetworkFileError(_not_a_network(path, "tensors of another program"))
    if metadata.get("format_version") != FORMAT_VERSION:
        raise NetworkFileError(
            f"expected network format {FORMAT_VERSION}, found {metadata.get('format_version')} "
            f"in {path}; get a newer Argmax, or export the network again"
        )
    for name, kind in (("name", str), ("licence", str), ("config", dict), ("training", dict)):
        if not isinstance(metadata.get(name), kind):
            raise NetworkFileError(
                f"expected '{name}' of type {kind.__name__} in the metadata of {path}, found "
                f"{json.dumps(metadata.get(name))[:60]}"
            )
    return metadata


def _not_a_network(path: str | Path, found: str) -> str:
    return f"expected an Argmax network (.safetensors) at {path}, found {found}"


def _read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise NetworkFileError(_not_a_network(path, f"a broken file: {error}")) from None


def _check_sizes(network: Network, path: str | Path) -> None:
    """Reject a configuration that is too large for the parameters, before a network is built."""
    most = network.parameter_count
    for name, value in vars(network.config).items():
        if isinstance(value, int) and value > most:
            raise NetworkFileError(
                f"expected {name} to fit the {most:,} parameters in {path}, found {value:,}"
            )
    layers = network.config.layers + getattr(network.config, "decoder_layers", 0)
    if layers > len(network.params):
        raise NetworkFileError(
            f"expected layers to fit the {len(network.params)} modules in {path}, found {layers:,}"
        )


def check_shapes(network: Network, path: str | Path) -> None:
    """Raise NetworkFileError if parameters do not have the names and shapes that the configuration
    needs."""
    from model.network.architecture import parameter_shapes

    expected = parameter_shapes(network.config)
    found = {
        (module, name): array.shape
        for module, arrays in network.params.items()
        for name, array in arrays.items()
    }
    wrong = sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
    if wrong:
        module, name = key = wrong[0]
        raise NetworkFileError(
            f"expected {module}//{name} of shape {expected.get(key)}, found {found.get(key)}; "
            f"the network's configuration does not fit its parameters in {path}"
        )


def random_network(preset_name: str = "tiny", seed: int = 0) -> Network:
    """An untrained network, for tests and timings."""
    from model.network.architecture import init_params

    config = preset(preset_name).network
    return Network(config, init_params(config, seed), name=f"random-{preset_name}")


def training_runs(training: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The training record and those of the runs that it started from, newest first: of each its
    `own_run`.

    Records are free-form: what is no record of a run is left out.
    """
    runs = []
    while isinstance(training, Mapping) and training:
        runs.append(own_run(training))
        training = training.get("started_from", {})
    return runs


def own_run(training: Mapping[str, Any]) -> dict[str, Any]:
    """A training record without the runs before it. Of a mean of networks it has the others, as
    ``averaged_with``, without the runs before those: one start is common to all."""
    run = {key: value for key, value in training.items() if key not in _OTHER_NETWORKS}
    others = own_runs(training.get("averaged_with"))
    return run | {"averaged_with": others} if others else run


def own_runs(averaged: object) -> list[dict[str, Any]]:
    """The records of a list, each without those of other networks; an empty list for no list."""
    return [
        {key: value for key, value in record.items() if key not in _OTHER_NETWORKS}
        for record in (averaged if isinstance(averaged, list) else [])
        if isinstance(record, Mapping)
    ]


_OTHER_NETWORKS = ("started_from", "averaged_with")
"""Fields of a training record that hold the records of other networks."""
