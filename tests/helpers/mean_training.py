"""A training without a network, which compiles at once."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from model.training.loop import Training, jit_update
from model.training.step import init_state, make_update

STEPS = 6
WIDTH = 600
"""More than Orbax keeps in the files of its index."""


class Countdown:
    """Batches that can be resumed: arrays of a falling number."""

    def __init__(self) -> None:
        self.left = STEPS

    def __next__(self) -> np.ndarray:
        self.left -= 1
        return np.full(8, self.left, np.float32)

    def get_state(self) -> dict:
        return {"left": self.left}

    def set_state(self, state: dict) -> None:
        self.left = state["left"]


def mean_training(steps: int = STEPS, rate: float = 0.1) -> Training:
    """It learns three times the mean of a batch, with Adam at a falling ``rate``."""

    def loss_of(params, batch):
        loss = jnp.square(batch.mean() - params["mean"]["w"]).mean()
        return loss, {"loss": loss, "action_values": jnp.asarray(len(batch))}

    def update(state, batch, progress, factor):
        return make_update(loss_of, optimizer)(state, factor * batch, progress)

    def optimizer(progress):
        return optax.adam(rate / (1 + progress))

    state = init_state({"mean": {"w": np.zeros(WIDTH, np.float32)}}, optimizer)
    batches: Any = Countdown()
    return Training(jit_update(update), state, batches, steps=steps, constants=(np.float32(3),))
