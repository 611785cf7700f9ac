"""What a network of either layout gives, by its target."""

from typing import NamedTuple

import jax


class Outputs(NamedTuple):
    """Logits, from the point of view of the side to move; None where the target has no such output.

    Distributions are over K bins of win probability.
    """

    moves: jax.Array | None = None  # [B, M, K] float32: win probability after each move
    state: jax.Array | None = None  # [B, K] float32: win probability of the position
    policy: jax.Array | None = None
    """[B, M] float32: each move, with behavioral cloning; in the layout `sequence` [B, A]: each of
    all actions."""
