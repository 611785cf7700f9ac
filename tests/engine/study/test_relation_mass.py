"""Attention weights of every head, and their mass on relations."""

from dataclasses import replace

import chess
import numpy as np
import pytest

from data_pipeline.batches.board_batches import make_inputs
from engine.study.relation_mass import RELATIONS, relation_mass
from model.config import preset
from model.inference.board_pass import BoardPass
from model.network.architecture import init_params
from model.network.board_transformer import board_relations
from model.network.network_file import Network, random_network
from tests.helpers.random_chess import random_boards

TINY = preset("tiny").network


@pytest.fixture(scope="module")
def inputs():
    boards = [board for board in random_boards(seed=3, games=1) if any(board.legal_moves)][:12]
    return make_inputs(boards, [list(board.legal_moves) for board in boards], 256)


@pytest.mark.parametrize("decoder_layers", [0, 1, 2])
def test_rows_sum_to_one(inputs, decoder_layers):
    config = replace(TINY, decoder_layers=decoder_layers)
    params = init_params(config, seed=1)
    weights = BoardPass(Network(config, params)).attention(inputs)
    assert weights.trunk.shape == (2, 12, 2, 64, 64)
    assert weights.decoder.shape == (decoder_layers, 12, 2, 256, 64)
    for of_layers in weights:
        assert np.min(of_layers, initial=0) >= 0
        np.testing.assert_allclose(np.sum(of_layers, axis=-1), 1, atol=1e-5)


def test_weights_are_those_of_their_layer(inputs):
    """A bias of one layer's head towards a1 moves that head's attention there, and no earlier."""
    network = random_network("tiny", seed=1)
    biased = {module: dict(arrays) for module, arrays in network.params.items()}
    bias = np.zeros((2, 64, 64), np.float32)
    bias[1, :, chess.A1] = 50
    biased["trunk_1/attention"]["position_bias"] = bias
    before = BoardPass(network).attention(inputs)
    after = BoardPass(replace(network, params=biased)).attention(inputs)
    np.testing.assert_allclose(after.trunk[1, :, 1, :, chess.A1], 1, atol=1e-5)
    np.testing.assert_allclose(after.trunk[0], before.trunk[0], atol=1e-6)
    np.testing.assert_allclose(after.trunk[1, :, 0], before.trunk[1, :, 0], atol=1e-6)
    assert np.abs(after.decoder - before.decoder).max() > 1e-4


def test_mass_of_equal_weights_is_chance_and_of_looking_at_one_relation_is_one(inputs):
    relations = np.asarray(board_relations(inputs))
    assert relations.shape[1] == len(RELATIONS)
    counts = relations.sum(axis=-1, keepdims=True)
    equal = np.full((1, 12, 1, 64, 64), 1 / 64)
    found = relation_mass(equal, relations)
    np.testing.assert_allclose(found.mass[0, :, 0], found.chance)
    for number in range(len(RELATIONS)):
        only = (relations / np.maximum(counts, 1))[None, :, number, None]
        mass = relation_mass(only, relations).mass[0, :, 0, number]
        np.testing.assert_allclose(mass[~np.isnan(mass)], 1)
        assert np.isnan(mass).sum() == (counts[:, number].sum(axis=(1, 2)) == 0).sum()


def test_mass_golden():
    """A lone rook on a1 attacks 14 squares, and each of those is attacked by one piece."""
    board = chess.Board(None)
    board.set_piece_at(chess.A1, chess.Piece.from_symbol("R"))
    relations = np.asarray(board_relations(make_inputs([board], [()], 1)))
    equal = np.full((1, 1, 1, 64, 64), 1 / 64)
    np.testing.assert_allclose(relation_mass(equal, relations).chance[0, :2], [14 / 64, 1 / 64])
