"""Training on from a network's weights: nothing of it is lost, and misfits are named."""

import json
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from data_pipeline.batches.board_batches import make_batch
from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import Dataset
from data_pipeline.dataset.records import encode
from data_pipeline.encoding.values import ValueBins
from model.config import LossConfig, OptimizerConfig, TrainConfig, preset
from model.inference.predictor import Predictor
from model.network.averaging import average
from model.network.network_file import Network, random_network, training_runs
from model.training.loop import train
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.step import init_state, make_update
from model.training.warm_start import first_params
from tests.helpers.random_chess import random_boards, random_record, write_dataset

Values = list[np.ndarray]


@pytest.fixture(scope="module")
def network() -> Network:
    return random_network("tiny", seed=3)


def values_of(network: Network) -> Values:
    """Distributions of the moves of odd positions and of some of a game, in one pass."""
    boards = random_boards(5, games=1)[:20]
    return Predictor(network).action_values(boards, [list(board.legal_moves) for board in boards])


@pytest.fixture(scope="module")
def expected(network) -> Values:
    return values_of(network)


def test_without_a_network_weights_are_random(network):
    config = network.config
    jax.tree.map(np.testing.assert_array_equal, first_params(config, 3, None), network.params)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers": 3, "decoder_layers": 2},
        {"decoder_layers": 2, "afterstates": True},
        {"widening": 3, "output_hidden_width": 96},
        {"width": 48, "heads": 3},
        {"width": 64, "heads": 4, "widening": 4, "layers": 3, "afterstates": True},
    ],
)
def test_what_is_new_changes_nothing_at_first(network, expected, changes):
    grown = replace(network.config, **changes)
    found = values_of(Network(grown, first_params(grown, 0, network)))
    for ours, theirs in zip(found, expected, strict=True):
        # Norms have an epsilon, which wider tokens feel more.
        np.testing.assert_allclose(ours, theirs, atol=5e-5 if "width" in changes else 1e-5)


@pytest.mark.parametrize("changes", [{"width": 16}, {"layers": 1}])
def test_other_shapes_are_refused(network, changes):
    (name,) = changes
    with pytest.raises(InputError, match=f"start from with {name} = "):
        first_params(replace(network.config, **changes), 0, network)


def test_wider_tokens_need_heads_of_the_same_width(network):
    with pytest.raises(InputError, match=r"expected heads of the width .* 16, found 32"):
        first_params(replace(network.config, width=64), 0, network)


def test_all_that_is_new_in_a_wider_network_learns(network):
    """After two steps, the first of which may only wake what nothing had written to."""
    config = replace(network.config, width=48, heads=3, widening=3, output_hidden_width=96)
    params = first_params(config, 0, network)
    rng = np.random.default_rng(0)
    rows = [encode(random_record(board, rng)) for board in random_boards(5, games=1)[:8]]
    batch = make_batch(rows, 64)
    optimizer = partial(make_optimizer, OptimizerConfig(schedule="constant"), 9)
    state = init_state(params, optimizer)
    update = jax.jit(make_update(network_loss(config, LossConfig()), optimizer))
    for step in range(3):
        state, _ = update(state, batch, np.array(step))
    for module, arrays in params.items():
        for name, array in arrays.items():
            before = network.params[module][name]
            if array.shape == before.shape or name == "promotions":
                continue
            new = np.ones(array.shape, bool)
            new[tuple(slice(size) for size in before.shape)] = False
            moved = np.asarray(state.params[module][name])[new] != array[new]
            assert moved.mean() > 0.3, (module, name)


@pytest.mark.parametrize("bins", [ValueBins(128), ValueBins(128, 0.25), ValueBins(192, 0.0)])
def test_other_bins_tell_the_same_values_at_first(network, expected, bins):
    config = replace(network.config, bins=bins.count, mate_range=bins.mate_range)
    found = values_of(Network(config, first_params(config, 0, network)))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            bins.win_prob(ours), network.bins.win_prob(theirs), atol=network.bins.width / 2
        )


def test_wider_bins_are_refused(network):
    with pytest.raises(InputError, match="expected bins no wider than the 64"):
        first_params(replace(network.config, bins=32), 0, network)


def test_less_than_the_network_knows_is_refused(network):
    knowing = replace(network.config, afterstates=True)
    with pytest.raises(InputError, match="start from with afterstates = False, found True"):
        first_params(network.config, 0, Network(knowing, network.params))


def test_another_architecture_is_refused(network):
    with pytest.raises(InputError, match="expected a network to start from"):
        first_params(preset("sequence-tiny").network, 0, network)


def test_training_on(network, tmp_path):
    write_dataset(tmp_path)
    data = Dataset(tmp_path)
    still = OptimizerConfig(muon_learning_rate=0.0, adam_learning_rate=0.0)
    config = TrainConfig(network.config, steps=2, batch_size=16, seed=1, optimizer=still)
    trained = train(config, data, tmp_path / "run", resume=False, start=network)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), trained.params, network.params
    )
    assert "started_from" in trained.training
    longer = replace(config, steps=3)
    with pytest.raises(InputError, match="started_from"):
        train(longer, data, tmp_path / "run", resume=True)
    train(longer, data, tmp_path / "run", resume=True, start=network)


def test_each_run_is_recorded_once(network, tmp_path):
    write_dataset(tmp_path)
    config = TrainConfig(network.config, steps=1, batch_size=16)
    ways = (tmp_path / "one", tmp_path / "two")
    start = network.with_training(seed=7, steps=70)
    for generation in (1, 2, 3):
        runs = [
            train(config, Dataset(tmp_path), way / str(generation), resume=False, start=start)
            for way in ways
        ]
        start = average([*runs, start])
        assert len(start.training["averaged_with"]) == 2
        assert len(training_runs(start.training)) == generation + 1
        assert json.dumps(start.training).count('"steps": 70') == 2
    assert json.dumps(start.training).count("averaged_with") == 3
