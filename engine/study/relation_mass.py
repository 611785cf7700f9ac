"""How much of a `board` network's attention lies on attack relations; see `BoardPass.attention`."""

from typing import NamedTuple

import numpy as np

RELATIONS = ("attacks", "attacked by", "x-rays", "x-rayed by")
"""Relations of square i to square j: `model.network.board_transformer.board_relations`."""


class RelationMass(NamedTuple):
    """Attention on a position's R relations; NaN if the relation holds for no square."""

    mass: np.ndarray  # [L, B, H, R]: weight on related squares, a mean over squares i
    chance: np.ndarray  # [B, R]: the same for uniform attention over all 64 squares


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
