"""From a network file to an engine: `load_engine`."""

from dataclasses import replace

import chess
import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from engine.networks import shipped_network
from engine.play import load_engine, loading
from engine.play.loading import load_predictor, predictor_of
from engine.play.move_choice import Choice
from model.inference.board_predictor import BoardPredictor
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
    return BoardPredictor(random_network("tiny")).action_values([BOARD], [MOVES])[0]


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


def test_parameters_that_do_not_fit_are_refused(tmp_path):
    for name in ("tiny", "sequence-tiny"):
        network = random_network(name)
        module, arrays = next(iter(network.params.items()))
        cut = {module: {name: array[:-1] for name, array in arrays.items()}}
        save_network(replace(network, params=network.params | cut), tmp_path / "cut.safetensors")
        with pytest.raises(NetworkFileError, match=r"not fit its parameters.*cut\."):
            load_predictor(tmp_path / "cut.safetensors")


def test_jax_computes_what_numpy_cannot_and_everything_where_it_has_an_accelerator(monkeypatch):
    board, sequence = random_network("tiny"), random_network("sequence-tiny")
    assert isinstance(predictor_of(board), BoardPredictor)
    assert isinstance(predictor_of(sequence), Predictor)
    monkeypatch.setattr(loading, "find_spec", lambda name: name == "jax_plugins" or None)
    assert isinstance(predictor_of(board), Predictor)


def test_importing_the_package_is_light():
    loaded = modules_loaded_by("import engine.play; engine.play.__all__")
    assert not loaded & {"jax", "haiku", "numpy", "chess"}


def test_playing_does_not_import_jax(tiny):
    loaded = modules_loaded_by(
        f"import chess; from engine.play import load_engine; "
        f"load_engine({str(tiny)!r}).play(chess.Board())"
    )
    assert "numpy" in loaded and not loaded & {"jax", "haiku"}
