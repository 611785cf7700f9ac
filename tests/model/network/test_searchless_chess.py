"""Published checkpoints: read, checked, refused, and written back."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from model.config import BoardConfig, SequenceConfig
from model.network.network_file import Network, load_network, save_network
from model.network.searchless_chess import LICENCE, export_reference, import_reference
from tests.helpers.paths import REFERENCE
from uci.cli import main

CHECKPOINT = REFERENCE / "checkpoint-tiny"
PARAMS = Path("6400000") / "params"
TINY = SequenceConfig(width=16, layers=2, heads=4)
"""The preset sequence-tiny."""


@pytest.fixture(scope="module")
def network() -> Network:
    return import_reference(CHECKPOINT, TINY)


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(CHECKPOINT, tmp_path / "checkpoint"))


def same(a: Network, b: Network) -> bool:
    return jax.tree.all(jax.tree.map(np.array_equal, a.params, b.params))


def importing(directory: Path, out: Path, *options: str) -> int:
    return main(["network", "import-reference", str(directory), "--out", str(out), *options])


def test_the_parameters_are_those_of_the_golden_file(network):
    with np.load(REFERENCE / "tiny.npz") as golden:
        for module, arrays in network.params.items():
            for name, array in arrays.items():
                assert array.dtype == np.float32
                np.testing.assert_array_equal(array, golden[f"{module}//{name}"])


def test_the_command_writes_a_network_that_says_where_it_comes_from(tmp_path, network):
    out = tmp_path / "x.safetensors"
    assert importing(CHECKPOINT, out, "--preset", "sequence-tiny", "--ema") == 0
    read = load_network(out)
    assert (read.config, read.licence) == (TINY, LICENCE)
    assert "searchless_chess" in read.training["origin"]
    assert read.training["checkpoint"] == {"step": 6_400_000, "parameters": "params_ema"}


def test_export_and_import_are_inverse(network, tmp_path):
    save_network(network, tmp_path / "x.safetensors")
    out = tmp_path / "out"
    command = ["network", "export", str(tmp_path / "x.safetensors"), "--step", "7"]
    assert main([*command, "--out", str(out)]) == 0
    assert [at.name for at in out.iterdir()] == ["7"]
    for ema in (False, True):
        assert same(import_reference(out, TINY, ema=ema), network)
    with pytest.raises(InputError, match="found one"):
        export_reference(network, out, step=7)


def test_networks_of_another_architecture_are_not_exported(tmp_path):
    with pytest.raises(InputError, match="architecture 'sequence', found 'board'"):
        export_reference(Network(BoardConfig(), {}), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_the_last_step_is_taken_unless_one_is_named(copy, network):
    changed = jax.tree.map(lambda array: array + 1, network.params)
    export_reference(Network(TINY, changed), copy, step=10_000_000)
    assert not same(import_reference(copy, TINY), network)
    assert same(import_reference(copy, TINY, step=6_400_000), network)


def test_another_preset_is_refused_and_the_fitting_one_named(tmp_path, capsys):
    assert importing(CHECKPOINT, tmp_path / "x.safetensors", "--preset", "9M") == 2
    error = capsys.readouterr().err
    assert "expected embed//embeddings of shape (1968, 256), found (1968, 16)" in error
    assert "--preset sequence-tiny" in error
    assert not any(tmp_path.iterdir())


def test_missing_and_surplus_arrays_are_named(copy, network):
    shutil.rmtree(copy / "6400000")
    params = dict(network.params)
    del params["layer_norm_3"]
    export_reference(Network(TINY, params), copy)
    with pytest.raises(InputError, match=r"layer_norm_3//.* of shape \(16,\), found none"):
        import_reference(copy, TINY)
    params |= {"layer_norm_3": network.params["layer_norm_3"], "more": {"w": np.zeros(2)}}
    export_reference(Network(TINY, params), copy, step=6_400_001)
    with pytest.raises(InputError, match=r"more//w of shape none, found \(2,\)"):
        import_reference(copy, TINY)


def test_numbers_that_are_not_finite_are_refused(copy, network):
    params = jax.tree.map(np.array, network.params)
    params["linear_2"]["w"][3, 4] = np.nan
    export_reference(Network(TINY, params), copy, step=6_400_001)
    with pytest.raises(InputError, match="finite numbers, found others in linear_2//w"):
        import_reference(copy, TINY)


def test_a_newer_layout_is_refused(copy, tmp_path, capsys):
    (copy / PARAMS).rename(copy / "6400000" / "pytree")
    assert importing(copy, tmp_path / "x", "--preset", "sequence-tiny") == 2
    assert "found params_ema, pytree in" in capsys.readouterr().err
    metadata = copy / "6400000" / "params_ema" / "_METADATA"
    metadata.write_text(json.dumps({"version": 9}))
    with pytest.raises(InputError, match="published layout"):
        import_reference(copy, TINY, ema=True)
    metadata.write_text(json.dumps({"tree_metadata": {}, "use_zarr3": True}))
    with pytest.raises(InputError, match="newer layout"):
        import_reference(copy, TINY, ema=True)


@pytest.mark.parametrize("damage", ["cut short", "lost", "zeros"])
def test_a_damaged_download_is_refused_or_harmless(copy, network, tmp_path, damage):
    """Some of the files are read by nobody; with any other no wrong number may come through."""
    whole = shutil.copytree(CHECKPOINT / PARAMS, tmp_path / "whole")
    refused = 0
    for file in sorted(path for path in whole.rglob("*") if path.is_file()):
        target = copy / PARAMS / file.relative_to(whole)
        data = file.read_bytes()
        if damage == "lost":
            target.unlink()
        else:
            target.write_bytes(
                data[: len(data) // 2] if damage == "cut short" else bytes(len(data))
            )
        try:
            assert same(import_reference(copy, TINY), network)
        except InputError as error:
            assert str(copy) in str(error) and "\n" not in str(error)
            refused += 1
        target.write_bytes(data)
    assert refused >= 5


def test_not_a_checkpoint(tmp_path):
    with pytest.raises(InputError, match="found nothing there"):
        import_reference(tmp_path / "absent", TINY)
    with pytest.raises(InputError, match="found nothing; unpack"):
        import_reference(tmp_path, TINY)
    (tmp_path / "9M.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="unpack it first"):
        import_reference(tmp_path / "9M.zip", TINY)
