"""The attention weights of a `board` network, and how much of them lies on attack relations."""

from functools import partial
from typing import NamedTuple

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.board_batches import Inputs
from model.config import BoardConfig
from model.network import board_transformer as transformer
from model.network.attention import Softmax
from model.network.network_file import Params
from model.targets.target import Outputs

RELATIONS = ("attacks", "attacked by", "x-rays", "x-rayed by")
"""Relations of square i to square j: `model.network.board_transformer.board_relations`."""


class AttentionWeights(NamedTuple):
    """Attention weights that sum to 1 over their last axis. L trunk and D decoder layers, H heads;
    squares are seen from the side to move."""

    trunk: jax.Array  # [L, B, H, 64, 64] float32: from each square to each square
    decoder: jax.Array  # [D, B, H, M, 64] float32: from each move to each square


class RelationMass(NamedTuple):
    """Attention on a position's R relations; NaN if the relation holds for no square."""

    mass: np.ndarray  # [L, B, H, R]: weight on related squares, a mean over squares i
    chance: np.ndarray  # [B, R]: the same for uniform attention over all 64 squares


@partial(jax.jit, static_argnames="config")
def attention_weights(
    config: BoardConfig, params: Params, inputs: Inputs
) -> tuple[Outputs, AttentionWeights]:
    """The network's outputs, unchanged, and its attention weights."""
    found: dict[str, list[jax.Array]] = {"trunk": [], "decoder": []}

    def keep(call, arguments, options, context: hk.MethodContext) -> jax.Array:
        result = call(*arguments, **options)
        if isinstance(context.module, Softmax) and context.method_name == "__call__":
            found[context.module.module_name.partition("_")[0]].append(result)
        return result

    def forward(inputs: Inputs) -> Outputs:
        with hk.intercept_methods(keep):
            return transformer.forward(config, inputs)

    outputs = hk.without_apply_rng(hk.transform(forward)).apply(params, inputs)
    positions, moves = inputs.mask.shape
    to_squares = (-1, positions, config.heads)
    return outputs, AttentionWeights(
        jnp.array(found["trunk"]).reshape(*to_squares, 64, 64),
        jnp.array(found["decoder"]).reshape(*to_squares, moves, 64),
    )


def relation_mass(trunk: np.ndarray, relations: np.ndarray) -> RelationMass:
    """The share of each head's attention that lies on pairs of squares with a relation.

    trunk: [L, B, H, 64, 64] weights; relations: [B, R, 64, 64], each 0 or 1. Means are over the
    squares i that have the relation to at least one square j.
    """
    counts = relations.sum(axis=-1, dtype=np.float64)  # [B, R, 64]
    related = (counts > 0).sum(axis=-1)  # [B, R] squares i
    total = np.einsum("lbhij,brij->lbhr", trunk, relations.astype(trunk.dtype))
    with np.errstate(invalid="ignore", divide="ignore"):
        return RelationMass(total / related[None, :, None], counts.sum(axis=-1) / 64 / related)
