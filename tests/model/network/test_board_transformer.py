"""The network: what must hold whatever its parameters; losses against the pipeline's targets."""

from typing import get_args

import chess
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from data_pipeline.batches.board_batches import make_inputs
from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import ValueBins, one_hot, two_hot
from model.config import BoardConfig, Labels, LossConfig, Target, preset
from model.inference.predictor import Predictor
from model.network.architecture import init_params, transformed
from model.network.matmul import product
from model.network.network_file import Network, random_network
from model.targets import action_value as losses
from model.targets import value_losses
from model.targets.target import Outputs
from tests.helpers.random_chess import random_boards


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """An untrained network: what is tested here holds for all."""
    return Predictor(random_network("tiny", seed=1))


@pytest.fixture(scope="module")
def boards() -> list[chess.Board]:
    return [board for board in random_boards(seed=3, games=2) if any(board.legal_moves)][::7]


def mirror(move: chess.Move) -> chess.Move:
    return chess.Move(move.from_square ^ 56, move.to_square ^ 56, move.promotion)


def test_rows_are_distributions(predictor, boards):
    moves = [list(board.legal_moves) for board in boards]
    values = predictor.action_values(boards, moves)
    assert [len(v) for v in values] == [len(m) for m in moves]
    for distributions in values:
        np.testing.assert_allclose(distributions.sum(axis=-1), 1.0, atol=1e-5)
        assert (distributions >= 0).all()


def test_turning_the_board_over_changes_nothing(predictor, boards):
    moves = [list(board.legal_moves) for board in boards]
    mirrored = [board.mirror() for board in boards]
    values = predictor.action_values(boards, moves)
    again = predictor.action_values(mirrored, [[mirror(m) for m in row] for row in moves])
    for one, other in zip(values, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_order_of_the_moves_and_which_are_asked_for_do_not_matter(predictor, boards):
    rng = np.random.default_rng(0)
    for board in boards[:6]:
        moves = list(board.legal_moves)
        (values,) = predictor.action_values([board], [moves])
        order = rng.permutation(len(moves))[: max(1, len(moves) // 2)]
        (some,) = predictor.action_values([board], [[moves[i] for i in order]])
        np.testing.assert_allclose(some, values[order], atol=1e-5)


def test_positions_of_a_batch_do_not_see_one_another(predictor, boards):
    moves = [list(board.legal_moves) for board in boards]
    together = predictor.action_values(boards, moves)
    for board, legal, expected in zip(boards[:5], moves[:5], together[:5], strict=True):
        (alone,) = predictor.action_values([board], [legal])
        np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_bfloat16_computes_in_bfloat16_and_agrees(predictor, boards):
    config, params = predictor.network.config, predictor.network.params
    moves = [list(board.legal_moves)[:64] for board in boards]
    inputs = make_inputs(boards, moves, 64)
    program = str(jax.make_jaxpr(transformed(config, jnp.bfloat16).apply)(params, inputs))
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert sum("bf16" in line.split("=")[0] for line in products) > 0.8 * len(products)
    half = Predictor(predictor.network, "bfloat16").action_values(boards, moves)
    whole = predictor.action_values(boards, moves)
    for one, other in zip(half, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


def test_no_boards_and_no_moves(predictor):
    assert predictor.action_values([], []) == []
    mated = chess.Board("rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3")
    (values,) = predictor.action_values([mated], [[]])
    assert values.shape == (0, predictor.bins.count)


VARIATIONS = {
    "plain": {},
    "afterstates": {"afterstates": True},
    "no position bias": {"position_bias": False},
}


@pytest.mark.parametrize("changes", VARIATIONS.values(), ids=VARIATIONS)
def test_every_parameter_learns(boards, changes):
    config = BoardConfig(
        width=16, layers=2, decoder_layers=1, heads=2, output_hidden_width=32, bins=8, **changes
    )
    network = transformed(config)
    promotions = chess.Board("r3k2r/pP1p2pp/8/2pPp3/8/8/pPPP1PPP/R3K2R w KQkq c6 0 1")
    boards = [*boards, promotions, promotions.mirror()]
    moves = [list(board.legal_moves)[:64] for board in boards]
    inputs = make_inputs(boards, moves, 64, after=config.afterstates)
    win_probs = np.random.default_rng(0).uniform(size=inputs.mask.shape) * inputs.mask
    params = jax.jit(network.init)(jax.random.key(0), inputs)

    def loss(params):
        outputs = network.apply(params, inputs)
        return losses.total_loss(LossConfig(), outputs, win_probs, inputs.mask)[0]

    for path, gradient in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.abs(gradient).max() > 0, path


def test_afterstates_are_seen(boards):
    config = BoardConfig(
        width=16, layers=1, heads=2, output_hidden_width=32, bins=8, afterstates=True
    )
    network = Network(config, init_params(config, 0))
    inputs = make_inputs(boards[:2], [list(b.legal_moves) for b in boards[:2]], 64, after=True)
    assert inputs.afterstates.shape == (2, 64, 4, 8)
    blind = inputs._replace(afterstates=np.zeros_like(inputs.afterstates))
    apply = jax.jit(transformed(config).apply)
    seen, unseen = (apply(network.params, some).moves for some in (inputs, blind))
    assert np.abs(np.asarray(seen - unseen)).max() > 1e-3
    values = Predictor(network).action_values(boards[:2], [list(b.legal_moves) for b in boards[:2]])
    legal = np.asarray(jax.nn.softmax(seen))[inputs.mask]
    np.testing.assert_allclose(np.concatenate(values), legal, atol=1e-5)


def test_parameter_counts_of_the_presets():
    assert 1.0e6 < random_network("small").parameter_count < 1.3e6
    assert random_network("tiny").parameter_count < 0.1e6


def test_moves_see_their_afterstates_where_their_values_are_learned():
    for target in get_args(Target):
        network = preset("small", target=target).network
        assert isinstance(network, BoardConfig)
        assert network.afterstates == (target == "action-value")


def test_configurations_are_checked_where_they_are_made():
    with pytest.raises(InputError, match="width 100 must divide by heads 8"):
        BoardConfig(width=100, heads=8)


def hl_gauss(values, bins: ValueBins) -> np.ndarray:
    """As Farebrother et al. 2024 write it, in float64."""
    cdf = ndtr((bins.edges - values[..., None]) / (0.75 * bins.width))
    return np.diff(cdf) / (cdf[..., -1:] - cdf[..., :1])


LABELS = {"hl-gauss": hl_gauss, "one-hot": one_hot, "two-hot": two_hot}


@pytest.mark.parametrize("kind", get_args(Labels))
@pytest.mark.parametrize("bins", [64, 128])
def test_labels_in_jax_are_those_of_the_pipeline(kind, bins):
    values = np.linspace(0, 1, 1025)  # all edges and centres among them
    name, options = kind.replace("-", "_"), {"sigma_bins": 0.75} if kind == "hl-gauss" else {}
    expected = LABELS[kind](values, ValueBins(bins))
    found = jax.jit(lambda v: getattr(value_losses, name)(v, bins, **options))(values)
    np.testing.assert_allclose(found, expected, atol=1e-4 if kind == "two-hot" else 1e-5)


def test_ranking_depends_on_order_not_on_padding():
    teacher, mask = np.array([[0.9, 0.5, 0.1, 0.0]]), np.array([[True, True, True, False]])
    right, wrong = np.array([[0.8, 0.5, 0.3, 0.99]]), np.array([[0.3, 0.5, 0.8, 0.99]])
    assert losses.ranking(right, teacher, mask, 0.05) < losses.ranking(wrong, teacher, mask, 0.05)
    other_padding = right + np.array([[0, 0, 0, -0.7]])
    np.testing.assert_allclose(
        losses.ranking(right, teacher, mask, 0.05),
        losses.ranking(other_padding, teacher, mask, 0.05),
    )


def test_regret_is_what_the_soft_choice_gives_away():
    teacher, mask = np.array([[0.9, 0.5, 0.1, 0.0]]), np.array([[True, True, True, False]])
    alike = losses.expected_regret(np.zeros((1, 4)), teacher, mask, 0.05)
    np.testing.assert_allclose(alike, [0.4 / 0.05], rtol=1e-6)  # the mean of 0, 0.4 and 0.8
    sure = losses.expected_regret(np.array([[0.1, 0.9, 0.3, 0.99]]), teacher, mask, 0.01)
    np.testing.assert_allclose(sure, [0.4 / 0.01], rtol=1e-6)
    slope = jax.grad(lambda v: losses.expected_regret(v, teacher, mask, 0.05).sum())(teacher)
    assert slope[0, 0] < 0 < slope[0, 1] and slope[0, 3] == 0


def test_padding_does_not_change_the_loss():
    rng = np.random.default_rng(0)
    logits, state = rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 8))
    win_probs, mask = rng.uniform(size=(2, 5)), np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], bool)
    padded = [jnp.asarray(logits + noise * ~mask[..., None]) for noise in (0.0, 9.0)]
    outputs = [Outputs(moves, jnp.asarray(state)) for moves in padded]
    a, b = (losses.total_loss(LossConfig(), o, win_probs, mask)[0] for o in outputs)
    np.testing.assert_allclose(a, b, rtol=1e-6)
    config = LossConfig(regret_weight=0.0)
    plain, parts = losses.total_loss(config, outputs[0], win_probs, mask)
    assert "regret" not in parts and plain < a


def test_ranking_goes_by_win_probabilities():
    rng = np.random.default_rng(0)
    logits, state = (jnp.asarray(rng.normal(size=shape)) for shape in ((2, 5, 16), (2, 16)))
    outputs = Outputs(logits, state)
    bins = ValueBins(16, mate_range=0.25)
    targets, mask = rng.uniform(size=(2, 5)), np.ones((2, 5), bool)
    _, parts = losses.total_loss(LossConfig(), outputs, targets, mask, bins.mate_range)
    expected = bins.win_prob(jax.nn.softmax(logits))
    order = losses.ranking(expected, bins.win_prob_of(targets), mask, 0.05).mean()
    assert parts["ranking"] == pytest.approx(float(order), rel=1e-4)


def test_products_in_bfloat16_agree_and_so_do_their_gradients():
    rng = np.random.default_rng(0)
    x, matrix = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((30, 16), (16, 24)))

    def total(x, matrix):
        return jnp.square(product(x, matrix)).mean()

    exact = jax.value_and_grad(total, (0, 1))(x, matrix)
    with jax.default_matmul_precision("bfloat16"):
        rounded = jax.value_and_grad(total, (0, 1))(x, matrix)
    for a, b in zip(jax.tree.leaves(exact), jax.tree.leaves(rounded), strict=True):
        assert b.dtype == jnp.float32
        error = np.abs(a - b).max() / np.abs(a).max()
        assert 1e-5 < error < 2e-2
