"""From a network file to an engine: `load_engine`."""

import chess
import jax
import numpy as np
import pytest

from engine.networks import shipped_network
from engine.play import load_engine
from engine.play.loading import compilation_cache, keep_compiled
from engine.play.move_choice import Choice
from model.inference.predictor import Predictor
from model.network.network_file import NetworkFileError, random_network, save_network
from tests.house.test_imports import modules_loaded_by


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "tiny.safetensors"
    save_network(random_network("tiny"), path)
    return path


def test_a_file_becomes_the_engine_of_its_network(tiny):
    board, moves = chess.Board(), [*chess.Board().legal_moves]
    choice = Choice(temperature=0.1)
    engine = load_engine(str(tiny), rules=False, choice=choice, seed=3)
    assert (engine.rules, engine.choice, engine.tablebase) == (False, choice, None)
    expected = Predictor(random_network("tiny")).action_values([board], [moves])
    np.testing.assert_array_equal(engine.predictor.action_values([board], [moves]), expected)
    again = load_engine(tiny, rules=False, choice=choice, seed=3)
    assert [engine.play(board) for _ in range(5)] == [again.play(board) for _ in range(5)]


def test_without_a_path_the_shipped_network_plays(monkeypatch):
    asked = []
    monkeypatch.setattr("model.network.network_file.load_network", asked.append)
    monkeypatch.setattr("model.inference.predictor.Predictor", lambda network: network)
    load_engine()
    assert asked == [shipped_network()]


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "text").write_text("1. e4 e5")
    with pytest.raises(NetworkFileError, match="expected"):
        load_engine(tmp_path / "text")


def test_a_cache_that_the_caller_has_chosen_stays(tmp_path, monkeypatch):
    before = jax.config.values["jax_compilation_cache_dir"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        for chosen, expected in ((None, str(compilation_cache())), ("mine", "mine")):
            jax.config.update("jax_compilation_cache_dir", chosen)
            keep_compiled()
            assert jax.config.values["jax_compilation_cache_dir"] == expected
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_importing_the_package_is_light():
    loaded = modules_loaded_by("import engine.play; engine.play.__all__")
    assert not loaded & {"jax", "haiku", "numpy", "chess"}
