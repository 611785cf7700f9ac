"""`argmax speed`: the reference's loop gives the same values, figures mean what they say."""

import json

import chess
import jax
import numpy as np
import pytest

from data_pipeline.batches.sequence_batches import empty_sequences
from engine.measure.compute_cost import OneByOne, flop_of, matmul_rates
from engine.measure.options import Plan
from engine.measure.speed import VARIANTS, Spread, measure_apart, sample
from model.config import preset
from model.inference.predictor import ACCELERATOR, CPU, MOVE_SHAPES, Predictor
from model.network.network_file import Network, random_network
from tests.helpers.random_chess import random_boards
from uci.cli import main


@pytest.mark.parametrize("causal", [False, True])
def test_the_loop_gives_the_values_of_the_batch(causal):
    from model.network.architecture import init_params

    config = preset("sequence-tiny", causal=causal).network
    network = Network(config, init_params(config, seed=2))
    boards = [board for board in random_boards(seed=5, games=1) if any(board.legal_moves)][::40]
    moves = [list(board.legal_moves) for board in boards]
    loop = OneByOne(network).action_values(boards, moves)
    batch = Predictor(network).action_values(boards, moves)
    for one, other in zip(loop, batch, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_operations_are_counted():
    """9M: 8 layers of 4 d^2 + 12 d^2 weights; of the last, queries and feed-forward at one place;
    attention's two products; what is no matrix product adds little."""
    tokens, width = 79, 256
    layer, last = tokens * 16 * width**2, (2 * tokens + 14) * width**2
    attention = 7 * 2 * tokens**2 * width + 2 * tokens * width
    products = 2 * (7 * layer + last + attention + width * 128)
    config = preset("9M").network
    assert products < flop_of(config, 1) < 1.05 * products
    assert flop_of(config, 30) == pytest.approx(30 * flop_of(config, 1), rel=1e-3)
    assert flop_of(VARIANTS["9M-causal"], 30) < flop_of(config, 2)


def test_the_board_variant_is_as_large_as_9m():
    from model.network.architecture import parameter_shapes

    shapes = parameter_shapes(VARIANTS["board-9M"]).values()
    assert sum(map(int, map(np.prod, shapes))) == pytest.approx(8_954_240, rel=0.05)


def test_the_sample_is_of_legal_positions_and_drawn_by_the_seed():
    boards = sample(60, seed=1)
    assert len({board.fen() for board in boards}) > 55
    assert all(board.is_valid() and any(board.legal_moves) for board in boards)
    assert [board.fen() for board in sample(60, seed=1)] == [board.fen() for board in boards]
    assert 25 < np.mean([board.legal_moves.count() for board in boards]) < 40


def test_positions_of_a_file(tmp_path):
    (tmp_path / "x.epd").write_text("8/8/8/8/8/4k3/4p3/4K3 b - -\n" + chess.STARTING_FEN + "\n")
    assert [board.turn for board in sample(9, 0, tmp_path / "x.epd")] == [chess.BLACK, chess.WHITE]


def test_a_spread_is_in_order():
    spread = Spread.of([3.0, 1.0, 2.0], 10.0)
    assert spread.median == 20.0 and spread.count == 3
    assert 10.0 <= spread.low < 20.0 < spread.high <= 30.0


def test_matrix_products_have_a_rate():
    assert all(rate > 1e8 for rate in matmul_rates(2))


@pytest.mark.parametrize("shapes", [CPU, ACCELERATOR])
def test_sequences_are_divided_into_batches_without_much_padding(shapes, monkeypatch):
    assert all(a % b == 0 for a, b in zip(shapes.sequences, shapes.sequences[1:], strict=False))
    monkeypatch.setattr("model.inference.predictor.backend", lambda: shapes)
    predictor = Predictor(random_network("sequence-tiny"))
    for count in (1, 7, 30, 300):
        sequences = empty_sequences(count, 1)
        sequences.actions[:, 0] = np.arange(1, count + 1)
        batches = list(predictor._divide(sequences))
        actions = np.concatenate([batch.actions[:, 0] for batch in batches])
        np.testing.assert_array_equal(actions[:count], sequences.actions[:, 0])
        assert not actions[count:].any() and len(actions) - count < shapes.sequences[-1]
        assert {len(batch.boards) for batch in batches} <= set(shapes.sequences)


@pytest.mark.parametrize("name,dtype", [("cpu", "float32"), ("gpu", "bfloat16")])
def test_networks_compute_in_the_type_that_suits_the_hardware(name, dtype, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: name)
    network = random_network("tiny")
    assert Predictor(network).dtype == dtype
    assert Predictor(network, "float32").dtype == "float32"


def test_warming_up_compiles_what_play_needs(monkeypatch):
    predictor = Predictor(random_network("sequence-tiny"))
    shapes = set()
    run = predictor._run
    monkeypatch.setattr(predictor, "_run", lambda x: shapes.add(x.actions.shape) or run(x))
    predictor.warm_up()
    warm = set(shapes)
    for board in sample(12, seed=3):
        predictor.action_values([board], [list(board.legal_moves)])
    assert shapes == warm and len(warm) == len(CPU.sequences)
    assert len(MOVE_SHAPES) == 2


def test_the_command_end_to_end(capsys):
    arguments = ["speed", "tiny", "sequence-tiny", "--positions", "2", "--seconds", "0.2", "--json"]
    assert main(arguments) == 0
    board, sequence = json.loads(capsys.readouterr().out)["networks"]
    assert (board["network"], board["loop"]) == ("tiny", "9M")
    assert (sequence["network"], sequence["loop"]) == ("sequence-tiny", "sequence-tiny")
    assert sequence["ms_per_move"]["count"] == 2
    for row in (board, sequence):
        assert 0 < row["share_of_peak"]["median"] < 1
        assert row["peak_memory_mib"] > row["weights_mib"]
        assert row["gflop_per_move"]["low"] <= row["gflop_per_move"]["high"]
        assert row["puzzles_per_second"] is None
    assert board["ratio_to_loop"]["median"] > 10


def test_puzzles_a_second_and_unknown_networks(tmp_path, capsys):
    line = "x,8/8/4k1p1/2KpP2p/5PP1/8/8/8 w - - 0 53,g4h5 g6h5,1556,endgame\n"
    (tmp_path / "p.csv").write_text("PuzzleId,FEN,Moves,Rating,Themes\n" + 5 * line)
    plan = Plan(positions=3, puzzles=tmp_path / "p.csv", seconds=0.1)
    speed = measure_apart("sequence-tiny", plan)
    assert speed.puzzles_per_second is not None and speed.puzzles_per_second.median > 0
    assert main(["speed", "no-such", "--seconds", "0.1"]) == 2
    assert "found 'no-such'" in capsys.readouterr().err
