"""The optimizer does to each matrix what it would do to it alone."""

from functools import partial

import jax
import numpy as np
import optax
from optax import contrib

from model.config import OptimizerConfig
from model.training.optimizer import make_optimizer

CONFIG = OptimizerConfig(schedule="constant")
SHAPES = {
    "trunk_0/~/attention": {"query": (8, 8), "output": (8, 8), "weights": (2, 4)},
    "trunk_0": {"feed_forward_in": (8, 12), "feed_forward_out": (12, 8)},
    "trunk_1": {"feed_forward_in": (8, 12)},
    "layers/linear": {"w": (8, 8)},
    "head": {"w": (8, 8), "b": (8,)},
}
MATRIX = contrib.MuonDimensionNumbers(0, 1)
NUMBERS = {
    "trunk_0/~/attention": {"query": MATRIX, "output": MATRIX, "weights": None},
    "trunk_0": {"feed_forward_in": MATRIX, "feed_forward_out": MATRIX},
    "trunk_1": {"feed_forward_in": MATRIX},
    "layers/linear": {"w": MATRIX},
    "head": {"w": None, "b": None},
}
"""Muon's, where it is Muon that takes them."""


def matrix_by_matrix() -> optax.GradientTransformation:
    """The same optimizer with the parameters as they are, as Optax is used without stacks."""
    muon = contrib.muon(
        CONFIG.muon_learning_rate,
        adam_learning_rate=CONFIG.adam_learning_rate,
        adam_b2=CONFIG.adam_b2,
        weight_decay=CONFIG.weight_decay,
        adam_weight_decay=CONFIG.weight_decay,
        muon_weight_dimension_numbers=NUMBERS,
    )
    return optax.chain(optax.clip_by_global_norm(CONFIG.clip_norm), muon)


def test_stacked_matrices_change_as_each_would_alone():
    rng = np.random.default_rng(0)
    draw = partial(jax.tree.map, lambda shape: rng.normal(size=shape).astype(np.float32))
    is_shape = {"is_leaf": lambda x: isinstance(x, tuple)}
    params = draw(SHAPES, **is_shape)
    ours, plain = make_optimizer(CONFIG, 1, np.array(0)), matrix_by_matrix()
    states = ours.init(params), plain.init(params)
    updates = jax.jit(ours.update), jax.jit(plain.update)
    for _ in range(2):
        gradients = draw(SHAPES, **is_shape)
        (found, ours_state), (expected, plain_state) = (
            update(gradients, state, params) for update, state in zip(updates, states, strict=True)
        )
        states = ours_state, plain_state
        jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), found, expected)
