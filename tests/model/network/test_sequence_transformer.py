"""The architecture `sequence`: the reference's shapes and outputs; properties of every network."""

import json
from dataclasses import asdict

import chess
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipeline.batches.sequence_batches import SequenceInputs, make_sequences, tokens_of
from data_pipeline.common.errors import InputError
from data_pipeline.encoding.tokens import tokenize
from model.config import BoardConfig, SequenceConfig, config_from_dict, preset
from model.inference.predictor import Predictor, distributions
from model.network.architecture import parameter_shapes, transformed
from model.network.network_file import (
    Network,
    NetworkFileError,
    load_network,
    random_network,
    save_network,
)
from tests.helpers.paths import REFERENCE
from tests.helpers.random_chess import random_boards

VARIANTS = {"tiny": {}, "tiny_causal_qkln": {"causal": True, "query_key_norm": True}}


def reference_network(variant: str) -> Network:
    """The parameters of a golden file, as a network."""
    params: dict[str, dict[str, np.ndarray]] = {}
    with np.load(REFERENCE / f"{variant}.npz") as golden:
        for key in golden.files:
            module, _, name = key.partition("//")
            if name:
                params.setdefault(module, {})[name] = golden[key]
    config = preset("sequence-tiny", **VARIANTS[variant]).network
    return Network(config, params, name=variant)


@pytest.fixture(scope="module", params=VARIANTS)
def predictor(request) -> Predictor:
    return Predictor(reference_network(request.param))


@pytest.fixture(scope="module")
def boards() -> list[chess.Board]:
    return [board for board in random_boards(seed=3, games=2) if any(board.legal_moves)][::31]


@pytest.mark.parametrize("name", ["9M", "136M", "270M"])
def test_parameters_are_named_and_shaped_as_in_the_reference(name):
    golden = json.loads((REFERENCE / "parameter_trees.json").read_text())[name]
    shapes = parameter_shapes(preset(name).network)
    assert shapes == {
        (module, parameter): tuple(shape)
        for module, parameters in golden["params"].items()
        for parameter, shape in parameters.items()
    }
    assert sum(map(int, map(np.prod, shapes.values()))) == golden["num_params"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_the_reference(variant):
    network = reference_network(variant)
    with np.load(REFERENCE / f"{variant}.npz") as golden:
        sequences, expected = golden["sequences"], golden["log_probs_last"]
    inputs = SequenceInputs(sequences[:, :77].astype(np.uint8), sequences[:, 77:78])
    values = distributions(network.config, "float32", network.params, inputs)
    np.testing.assert_allclose(np.log(values[:, 0]), expected, atol=1e-5)


def test_moves_of_a_position_get_the_values_of_separate_sequences(predictor, boards):
    """The inputs as the reference makes them, one sequence a move, through the bare network."""
    network = predictor.network
    moves = [list(board.legal_moves) for board in boards]
    pairs = [(board, [move]) for board, legal in zip(boards, moves, strict=True) for move in legal]
    inputs = make_sequences(*zip(*pairs, strict=True), max_moves=1)
    expected = distributions(network.config, "float32", network.params, inputs)[:, 0]
    values = predictor.action_values(boards, moves)
    assert [len(v) for v in values] == [len(m) for m in moves]
    np.testing.assert_allclose(np.concatenate(values), expected, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(values).sum(axis=-1), 1.0, atol=1e-5)


def test_the_order_of_the_moves_and_which_are_asked_for_do_not_matter(predictor, boards):
    board = boards[0]
    moves = list(board.legal_moves)
    (values,) = predictor.action_values([board], [moves])
    (some,) = predictor.action_values([board], [moves[::-3]])
    np.testing.assert_allclose(some, values[::-3], atol=1e-5)


def test_no_boards_and_no_moves(predictor):
    assert predictor.action_values([], []) == []
    (values,) = predictor.action_values([chess.Board()], [[]])
    assert values.shape == (0, predictor.bins.count)


def test_bfloat16_computes_in_bfloat16(boards):
    network = reference_network("tiny")
    inputs = make_sequences(boards[:3], [list(board.legal_moves)[:2] for board in boards[:3]], 2)
    apply = transformed(network.config, jnp.bfloat16).apply
    program = str(jax.make_jaxpr(apply)(network.params, inputs))
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert sum("bf16" in line.split("=")[0] for line in products) == len(products) - 1  # the head
    half = distributions(network.config, "bfloat16", network.params, inputs)
    exact = distributions(network.config, "float32", network.params, inputs)
    np.testing.assert_allclose(half, exact, atol=0.02)


def test_high_move_numbers_become_those_that_tokens_can_say():
    board = chess.Board("4k3/8/8/8/8/8/8/R3K3 w Q - 3 1234")
    assert tokens_of(board).tolist() == tokenize("4k3/8/8/8/8/8/8/R3K3 w Q - 3 999").tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_file_gives_the_network_back(variant, tmp_path):
    network = reference_network(variant)
    save_network(network, tmp_path / "x.safetensors")
    loaded = load_network(tmp_path / "x.safetensors")
    assert loaded.config == network.config
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded.params, network.params))


def test_a_file_whose_parameters_do_not_fit_is_refused(tmp_path):
    network = reference_network("tiny")
    wrong = preset("sequence-tiny", query_key_norm=True).network
    save_network(Network(wrong, network.params), tmp_path / "x.safetensors")
    with pytest.raises(NetworkFileError, match=r"attention/layer_norm//offset of shape \(16,\)"):
        load_network(tmp_path / "x.safetensors")


def test_a_random_network_has_the_scales_of_the_reference():
    params = random_network("sequence-tiny").params
    assert params["embed"]["embeddings"].std() == pytest.approx(0.02, rel=0.2)
    assert params["linear_2"]["w"].std() == pytest.approx(64**-0.5, rel=0.2)


OLD_FIELDS = {
    "layout": "board",
    "head_width": 512,
    "consequences": True,
    "square_relations": "all",
    "move_relations": "all",
    "policy_head": False,
}
"""As in files that were written before fields were renamed or removed."""


def test_configurations_say_their_architecture():
    for config in (BoardConfig(width=64), SequenceConfig(causal=True)):
        assert config_from_dict(asdict(config)) == config
        assert config_from_dict(asdict(config) | {"bias_templates": 0}) == config  # of old files
    assert config_from_dict(OLD_FIELDS) == BoardConfig(output_hidden_width=512, afterstates=True)
    with pytest.raises(InputError, match="layout"):
        config_from_dict({"layout": "tree"})
    for name, value in {
        "bias_templates": 32,
        "move_relations": "none",
        "policy_head": True,
    }.items():
        with pytest.raises(InputError, match=name):
            config_from_dict(OLD_FIELDS | {name: value})
    with pytest.raises(InputError, match="causal"):
        config_from_dict(asdict(BoardConfig()) | {"causal": True})
    with pytest.raises(InputError, match="width 100 must divide by heads 8"):
        SequenceConfig(width=100)
