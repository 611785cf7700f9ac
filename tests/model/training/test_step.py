"""The one training step, with losses that are no network's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipeline.batches.board_batches import make_batch
from model.config import BoardConfig, LossConfig, OptimizerConfig, TrainingDtype
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.step import init_state, make_update, moving_average
from model.training.warm_start import first_params
from tests.helpers.random_chess import scored_records

ADAM = OptimizerConfig(kind="adam", schedule="constant", adam_learning_rate=0.05, weight_decay=0.0)
OPTIMIZER = partial(make_optimizer, ADAM, 1)
PARAMS = {"line": {"slope": np.zeros(()), "offset": np.zeros(())}}


def squared_error(params, batch):
    inputs, targets = batch
    line = params["line"]
    errors = line["slope"] * inputs + line["offset"] - targets
    loss = jnp.square(errors).mean()
    return loss, {"loss": loss, "worst": jnp.abs(errors).max()}


def test_any_loss_of_parameters_and_a_batch_is_learned():
    inputs = np.linspace(-1, 1, 16)
    state, update = init_state(PARAMS, OPTIMIZER), jax.jit(make_update(squared_error, OPTIMIZER))
    for step in range(300):
        state, parts = update(state, (inputs, 2 * inputs - 1), np.array(step))
    assert state.step == 300
    assert parts.keys() == {"loss", "worst", "gradient_norm"}
    assert parts["worst"] < 0.02
    assert state.params["line"]["slope"] == pytest.approx(2, abs=0.02)
    assert state.average == state.params  # unless an average is asked for


def test_the_moving_average_lags_behind_the_parameters():
    config = OptimizerConfig(ema_decay=0.5, ema_warmup=False)
    update = make_update(squared_error, OPTIMIZER, moving_average(config))
    state, expected = init_state(PARAMS, OPTIMIZER), 0.0
    for step in range(3):
        state, _ = update(state, (np.ones(4), np.ones(4)), np.array(step))
        expected = 0.5 * expected + 0.5 * float(state.params["line"]["slope"])
        assert state.average["line"]["slope"] == pytest.approx(expected)


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (8, 0.5), (10_000, 0.999)])
def test_the_moving_average_forgets_its_start_sooner(step, decay):
    found = moving_average(OptimizerConfig(ema_decay=0.999))(1.0, 0.0, step)
    assert found == pytest.approx(decay)


def test_bfloat16_learns_as_float32_does():
    network = BoardConfig(width=16, layers=1, heads=2, output_hidden_width=16, bins=16)
    adam = OptimizerConfig(kind="adam", schedule="constant", adam_learning_rate=0.01)
    optimizer = partial(make_optimizer, adam, 1)
    batch, params = make_batch(scored_records(16), 16), first_params(network, 0, None)
    learned = {}
    dtypes: tuple[TrainingDtype, ...] = ("float32", "bfloat16")
    for dtype in dtypes:
        loss_of = network_loss(network, LossConfig(), dtype)
        update = jax.jit(make_update(loss_of, optimizer))
        state = init_state(params, optimizer)
        losses = []
        for step in range(40):
            state, parts = update(state, batch, np.array(step))
            losses.append(float(parts["loss"]))
        learned[dtype] = losses[0] - losses[-1]
    assert learned["float32"] > 1
    assert learned["bfloat16"] == pytest.approx(learned["float32"], rel=0.1)
