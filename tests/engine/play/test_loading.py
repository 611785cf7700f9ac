"""From a network file to an engine: `load_engine`."""

from dataclasses import replace

import chess
import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from data_pipeline.common.errors import InputError
from engine.networks import shipped_network
from engine.play import load_engine
from engine.play.loading import compiled_passes, load_predictor
from engine.play.move_choice import Choice
from model.inference import predictor as predictor_module
from model.inference.predictor import Predictor
from model.network.network_file import NetworkFileError, random_network, save_network
from tests.house.test_imports import modules_loaded_by

BOARD = chess.Board()
MOVES = [*BOARD.legal_moves]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "tiny.safetensors"
    save_network(random_network("tiny"), path)
    return path


@pytest.fixture(scope="module")
def expected():
    return Predictor(random_network("tiny")).action_values([BOARD], [MOVES])[0]


@pytest.fixture(scope="module", autouse=True)
def no_jax_cache():
    """JAX's own cache is left out, since passes that come from it are not kept."""
    jax.config.update("jax_enable_compilation_cache", False)
    reset_cache()
    yield
    jax.config.update("jax_enable_compilation_cache", True)
    reset_cache()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache that all tests of this file share."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def compile_nothing(monkeypatch):
    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(predictor_module, "distributions", refuse)
    monkeypatch.setattr("model.network.network_file.check_shapes", refuse)


def test_a_file_becomes_the_engine_of_its_network(tiny, expected):
    choice = Choice(temperature=0.1)
    engine = load_engine(str(tiny), rules=False, choice=choice, seed=3)
    assert (engine.rules, engine.choice, engine.tablebase) == (False, choice, None)
    np.testing.assert_array_equal(engine.predictor.action_values([BOARD], [MOVES])[0], expected)
    again = load_engine(tiny, rules=False, choice=choice, seed=3)
    assert [engine.play(BOARD) for _ in range(5)] == [again.play(BOARD) for _ in range(5)]


def test_without_a_path_the_shipped_network_plays(monkeypatch):
    def read_network(path):
        raise NetworkFileError(f"asked for {path}")

    monkeypatch.setattr("model.network.network_file.read_network", read_network)
    with pytest.raises(NetworkFileError, match=f"asked for .*{shipped_network().name}"):
        load_engine()


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "text").write_text("1. e4 e5")
    with pytest.raises(NetworkFileError, match="expected"):
        load_engine(tmp_path / "text")
    with pytest.raises(InputError, match="no regular file"):
        load_engine(tmp_path)


def test_a_pass_that_was_compiled_before_gives_the_same_values(tiny, expected, monkeypatch):
    load_predictor(tiny).warm_up(all_shapes=False)
    compile_nothing(monkeypatch)
    again = load_predictor(tiny)
    assert again.compiled_before
    np.testing.assert_array_equal(again.action_values([BOARD], [MOVES])[0], expected)


def test_networks_of_one_shape_share_passes_and_other_types_do_not(tiny, tmp_path):
    load_predictor(tiny).warm_up(all_shapes=False)
    network = random_network("tiny", seed=1)
    save_network(network, tmp_path / "other.safetensors")
    assert load_predictor(tmp_path / "other.safetensors").compiled_before
    assert not Predictor(network, "bfloat16", compiled=compiled_passes()).compiled_before


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_pass_is_compiled_again(content, tiny, expected, cache):
    load_predictor(tiny).warm_up(all_shapes=False)
    for file in cache.rglob("*.pass"):
        file.write_bytes(file.read_bytes()[:-1000] if content is None else content)
    values = load_predictor(tiny).action_values([BOARD], [MOVES])[0]
    np.testing.assert_array_equal(values, expected)


def test_a_cache_that_cannot_be_written_costs_only_time(tiny, expected, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    values = load_predictor(tiny).action_values([BOARD], [MOVES])[0]
    np.testing.assert_array_equal(values, expected)


def test_passes_are_not_kept_where_they_may_come_from_jaxs_cache(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_enable_compilation_cache", True)
    try:
        load_predictor(tiny).warm_up(all_shapes=False)
    finally:
        jax.config.update("jax_enable_compilation_cache", False)
    assert not [*tmp_path.rglob("*.pass")]


def test_parameters_that_do_not_fit_are_refused_although_others_were_compiled(tiny, tmp_path):
    load_predictor(tiny).warm_up(all_shapes=False)
    network = random_network("tiny")
    module, arrays = next(iter(network.params.items()))
    cut = {module: {name: array[:-1] for name, array in arrays.items()}}
    save_network(replace(network, params=network.params | cut), tmp_path / "cut.safetensors")
    with pytest.raises(NetworkFileError, match="does not fit its parameters"):
        load_predictor(tmp_path / "cut.safetensors")


def test_a_position_of_many_moves_is_asked_for_in_parts(tiny, expected):
    parts = load_predictor(tiny).action_values([BOARD] * 2, [MOVES * 5, MOVES])
    assert [len(values) for values in parts] == [100, 20]
    np.testing.assert_allclose(parts[0], np.tile(expected, (5, 1)), atol=1e-6)


def test_importing_the_package_is_light():
    loaded = modules_loaded_by("import engine.play; engine.play.__all__")
    assert not loaded & {"jax", "haiku", "numpy", "chess"}


def test_playing_with_a_compiled_pass_does_not_import_haiku(tiny):
    load_predictor(tiny).warm_up(all_shapes=False)
    loaded = modules_loaded_by(
        f"import chess; from engine.play import load_engine; "
        f"load_engine({str(tiny)!r}).play(chess.Board())"
    )
    assert "jax" in loaded
    assert "haiku" not in loaded
