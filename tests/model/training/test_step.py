"""The one training step, with losses that are no network's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from model.config import OptimizerConfig
from model.training.optimizer import make_optimizer
from model.training.step import init_state, make_update, moving_average

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
