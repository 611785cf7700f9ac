"""The networks of a board server."""

import chess
import numpy as np
import pytest

from model.network.network_file import random_network, save_network
from uci.board.networks import open_networks


@pytest.fixture(scope="module")
def attention(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "tiny.safetensors"
    save_network(random_network("tiny"), path)
    return open_networks([path])["tiny"].attention


@pytest.mark.parametrize(
    "fen",
    [
        "7k/8/6K1/8/8/8/8/1R6 b - - 0 40",
        chess.STARTING_FEN,
        "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1",  # 218 moves
    ],
)
def test_attention_for_any_number_of_moves(attention, fen):
    board = chess.Board(fen)
    moves = list(board.legal_moves)
    trunk, decoder = attention(board, moves)
    assert trunk.shape == (2, 2, 64, 64)
    assert decoder.shape == (1, 2, len(moves), 64)
    np.testing.assert_allclose(trunk.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(decoder.sum(axis=-1), 1, atol=1e-5)
