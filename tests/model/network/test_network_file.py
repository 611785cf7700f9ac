"""Network files: round trip, atomic writes, and each way in which a file can be wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from data_pipeline.common.errors import InputError
from model.network.network_file import (
    METADATA_KEY,
    NetworkFileError,
    load_network,
    random_network,
    read_metadata,
    save_network,
)
from uci import cli


@pytest.fixture(scope="module")
def original():
    return random_network("tiny")


@pytest.fixture
def path(original, tmp_path):
    file = tmp_path / "network.safetensors"
    save_network(original.with_training(steps=7), file)
    return file


def test_round_trip(path, original):
    network = load_network(path)
    assert network.config == original.config
    assert network.training == {"steps": 7}
    for module, arrays in original.params.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(network.params[module][name], array)


def test_same_bytes_twice(path, tmp_path):
    again = tmp_path / "again.safetensors"
    save_network(load_network(path), again)
    assert again.read_bytes() == path.read_bytes()


def test_halved_a_file_is_half_the_size_and_nearly_the_same(path, original, tmp_path):
    half, again = tmp_path / "half.safetensors", tmp_path / "again.safetensors"
    assert cli.main(["network", "halve", str(path), "--out", str(half)]) == 0
    header = len(json.dumps(read_metadata(path))) + 20_000
    assert half.stat().st_size < path.stat().st_size / 2 + header
    network = load_network(half)
    assert (network.config, network.training) == (original.config, {"steps": 7})
    for module, arrays in original.params.items():
        for name, array in arrays.items():
            assert network.params[module][name].dtype == np.float32
            np.testing.assert_allclose(network.params[module][name], array, rtol=2**-11, atol=1e-7)
    save_network(network, again)  # and stays so
    assert again.read_bytes() == half.read_bytes()


def test_what_16_bits_cannot_hold_is_refused(original, tmp_path):
    params = {module: dict(arrays) for module, arrays in original.params.items()}
    params["~"]["pieces"] = np.full_like(params["~"]["pieces"], 70_000)
    with pytest.raises(InputError, match="65504"):
        save_network(replace(original, params=params, stored="float16"), tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_parameters_of_another_type(path):
    from safetensors.numpy import load_file

    rewrite(path, {}, {name: array.astype(np.float64) for name, array in load_file(path).items()})
    with pytest.raises(NetworkFileError, match="found float64"):
        load_network(path)


@pytest.mark.parametrize("kept", [0, 4, 100, 5000, -1])
def test_a_truncated_file_is_named(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(NetworkFileError, match=r"network\.safetensors"):
        load_network(path)


def test_not_a_network(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(NetworkFileError, match="No such file"):
        load_network(path)
    path.write_bytes(b"this is no network at all")
    with pytest.raises(NetworkFileError, match="expected an Argmax network"):
        load_network(path)
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(NetworkFileError, match="another program"):
        load_network(path)


def rewrite(path, changes: dict, tensors=None):
    """Write the file again with metadata changed, and tensors too if given."""
    from safetensors.numpy import load_file

    metadata = json.dumps(read_metadata(path) | changes)
    save_file(tensors or load_file(path), path, {METADATA_KEY: metadata})


def test_another_format_version(path):
    rewrite(path, {"format_version": 99})
    with pytest.raises(NetworkFileError, match="format 1, found 99"):
        load_network(path)


def test_parameters_that_do_not_fit(path):
    rewrite(path, {"config": read_metadata(path)["config"] | {"width": 64}})
    with pytest.raises(NetworkFileError, match="of shape"):
        load_network(path)


def test_numbers_that_are_not_finite(path):
    from safetensors.numpy import load_file

    tensors = load_file(path)
    next(iter(tensors.values())).flat[0] = np.nan
    rewrite(path, {}, tensors)
    with pytest.raises(NetworkFileError, match="finite"):
        load_network(path)


def test_a_failed_write_leaves_the_old_file(path, original, monkeypatch):
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_network(original.with_training(steps=8), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
