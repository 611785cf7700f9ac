"""The pass in NumPy gives what the network in Haiku gives, whatever its shape and parameters."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import chess
import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from data_pipeline.batches.board_batches import make_inputs
from model.config import BoardConfig, preset
from model.inference.board_pass import BoardPass, _exponentials
from model.inference.board_predictor import PASS_SIZE, BoardPredictor, limit_threads
from model.inference.predictor import distributions
from model.network.architecture import init_params
from model.network.network_file import Network, NetworkFileError, random_network
from tests.helpers.random_chess import ODD_POSITIONS, random_boards

CONFIGS = {
    "tiny": BoardConfig(width=32, layers=2, heads=2, output_hidden_width=64),
    "afterstates": BoardConfig(width=24, layers=1, decoder_layers=2, heads=3, afterstates=True),
    "no position bias": BoardConfig(width=16, layers=2, heads=4, position_bias=False, widening=3),
    "no decoder layer": BoardConfig(width=16, layers=1, heads=2, decoder_layers=0, bins=5),
}


def shaken(config: BoardConfig) -> Network:
    """A network whose parameters, scales and biases too, are not those of initialization."""
    rng = np.random.default_rng(0)
    params = {
        module: {
            name: array + 0.1 * rng.standard_normal(array.shape).astype(np.float32)
            for name, array in arrays.items()
        }
        for module, arrays in init_params(config, seed=0).items()
    }
    return Network(config, params)


@pytest.fixture(scope="module")
def boards() -> list[chess.Board]:
    return [board for board in random_boards(seed=4, games=1) if any(board.legal_moves)][::5]


@pytest.mark.parametrize("name", CONFIGS)
def test_it_gives_what_the_network_in_haiku_gives(name, boards):
    network = shaken(CONFIGS[name])
    config = network.config
    moves = [list(board.legal_moves) for board in boards]
    inputs = make_inputs(boards, moves, max(map(len, moves)), after=config.afterstates)
    expected = np.asarray(distributions(config, "float32", network.params, inputs))
    found = BoardPass(network)(inputs)
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found[inputs.mask], expected[inputs.mask], atol=1e-5)
    assert np.ptp(expected[inputs.mask], axis=0).max() > 0.1  # moves differ


def test_rows_of_logits_may_lie_far_apart():
    rng = np.random.default_rng(0)
    for apart in (0, 50, 100, 1e4):
        logits = rng.normal(0, 5, (2, 3, 7, 64)) - apart * rng.uniform(size=(2, 3, 7, 1))
        exponentials, sums = _exponentials(logits.astype(np.float32))
        expected = np.asarray(jax.nn.softmax(logits.astype(np.float32)))
        np.testing.assert_allclose(exponentials / sums, expected, rtol=1e-5, atol=1e-12)


def test_parts_are_the_squares_and_then_the_moves(boards):
    network = shaken(CONFIGS["afterstates"])
    passed = BoardPass(network)
    inputs = make_inputs(boards[:2], [list(b.legal_moves) for b in boards[:2]], 218, after=True)
    squares = passed.squares(inputs)
    assert squares.shape == (2 * 64, network.config.width)
    np.testing.assert_array_equal(passed.moves(squares, inputs), passed(inputs))


def test_a_position_has_the_same_values_alone_and_among_others():
    predictor = BoardPredictor(shaken(CONFIGS["afterstates"]))
    boards = [chess.Board(fen) for fen in ODD_POSITIONS] * 2  # 0 to 218 moves
    assert len(boards) > PASS_SIZE
    moves = [list(board.legal_moves) for board in boards]
    together = predictor.action_values(boards, moves)
    assert [len(values) for values in together] == [len(of_board) for of_board in moves]
    assert {values.shape[1] for values in together} == {predictor.bins.count}
    for board, of_board, values in zip(boards, moves, together, strict=True):
        (alone,) = predictor.action_values([board], [of_board])
        np.testing.assert_allclose(values, alone, atol=1e-5)
    (some,) = predictor.action_values(boards[:1], [moves[0][3:9]])
    np.testing.assert_allclose(some, together[0][3:9], atol=1e-5)
    assert predictor.action_values([], []) == []


def test_two_threads_can_ask_at_once(boards):
    predictor = BoardPredictor(shaken(CONFIGS["tiny"]))
    moves = [list(board.legal_moves) for board in boards]
    expected = predictor.action_values(boards, moves)
    threads_before = [library["num_threads"] for library in threadpool_info()]
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda _: predictor.action_values(boards, moves), range(6)):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    assert [library["num_threads"] for library in threadpool_info()] == threads_before


def test_threads_are_limited_in_the_whole_process():
    before = threadpool_info()[0]["num_threads"]
    try:
        for count in (1, 2):
            limit_threads(count)
            assert {library["num_threads"] for library in threadpool_info()} >= {count}
    finally:
        limit_threads(before)


def test_parameters_that_do_not_fit_are_refused():
    network = random_network("tiny")
    for module, arrays in network.params.items():
        for name, array in arrays.items():
            if module == "~" and name.startswith("state_head"):
                continue  # not needed for the moves
            without = {n: a for n, a in arrays.items() if n != name}
            for changed, found in ((without, "none"), (arrays | {name: array[:-1]}, r"\(")):
                wrong = replace(network, params=network.params | {module: changed})
                with pytest.raises(NetworkFileError, match=f"{module}//{name} .*found {found}"):
                    BoardPass(wrong)


@pytest.mark.parametrize("name", ["tiny", "sequence-tiny"])
def test_it_computes_networks_of_action_values_over_the_board(name):
    config = preset(name).network
    assert BoardPredictor.computes(config) == (name == "tiny")
    if name == "tiny":
        assert not BoardPredictor.computes(replace(config, target="state-value"))
