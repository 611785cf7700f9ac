"""Network files: round trip, atomic writes, and each way in which a file can be wrong."""

import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from data_pipeline.common.errors import InputError
from model.config import config_from_dict, preset
from model.network.network_file import (
    METADATA_KEY,
    NetworkFileError,
    checksum,
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

    metadata, tensors = read_metadata(path) | changes, tensors or load_file(path)
    metadata["checksum"] = checksum(metadata, tensors)
    save_file(tensors, path, {METADATA_KEY: json.dumps(metadata)})


def test_another_format_version(path):
    rewrite(path, {"format_version": 99})
    with pytest.raises(NetworkFileError, match="format 1, found 99"):
        load_network(path)


def test_parameters_that_do_not_fit(path):
    rewrite(path, {"config": read_metadata(path)["config"] | {"width": 64}})
    with pytest.raises(NetworkFileError, match="of shape"):
        load_network(path)


OF_ANOTHER_TYPE = [None, True, 1.5, "2", [], {}, 7, float("nan")]


@pytest.mark.parametrize("preset_name", ["tiny", "sequence-tiny"])
def test_fields_of_another_type_are_refused(preset_name):
    config = asdict(preset(preset_name).network)
    for name, value in config.items():
        for wrong in OF_ANOTHER_TYPE:
            of_the_type = type(wrong) is type(value) and wrong == wrong
            if of_the_type or (isinstance(value, float) and type(wrong) is int):
                continue  # of the right type: if it is no shape, that is told elsewhere
            with pytest.raises(InputError, match=name):
                config_from_dict(config | {name: wrong})
    with pytest.raises(InputError, match="unknown"):
        config_from_dict(config | {"unknown": 1})


@pytest.mark.parametrize("name", ["layers", "width", "bins", "decoder_layers", "widening"])
def test_a_configuration_beyond_its_parameters_is_refused_at_once(path, name):
    config = read_metadata(path)["config"]
    rewrite(path, {"config": config | {name: 2**31}})
    with pytest.raises(NetworkFileError, match=f"expected {name} to fit"):
        load_network(path)


@pytest.mark.parametrize("wrong", [None, 5, [], "text"])
def test_a_configuration_that_is_none_is_refused(path, wrong):
    rewrite(path, {"config": wrong})
    with pytest.raises(NetworkFileError, match="expected 'config' of type dict"):
        load_network(path)


@pytest.mark.parametrize("entry", ["name", "licence", "config", "training"])
@pytest.mark.parametrize("wrong", [5, None, [], True])
def test_metadata_of_another_type_is_refused(path, entry, wrong):
    rewrite(path, {entry: wrong})
    with pytest.raises(NetworkFileError, match=f"expected '{entry}' of type"):
        load_network(path)


@pytest.mark.parametrize("metadata", ["5", "[" * 100_000, "nonsense", "null", '"text"'])
def test_metadata_that_are_no_object_are_refused(path, metadata):
    from safetensors.numpy import load_file

    save_file(load_file(path), path, {METADATA_KEY: metadata})
    with pytest.raises(NetworkFileError):
        load_network(path)


def test_every_flipped_bit_is_noticed(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(len(whole), size=100).tolist():
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.raises(NetworkFileError):
            load_network(path)


def test_a_file_without_a_checksum_is_read(path, original):
    from safetensors.numpy import load_file

    metadata = read_metadata(path)
    del metadata["checksum"]
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(metadata)})
    assert load_network(path).config == original.config


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", "/dev/zero"):
        with pytest.raises(NetworkFileError, match="found no regular file"):
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
