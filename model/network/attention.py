"""Attention with two additions to its logits: a learned bias for each pair of positions, and biases
for relations between squares that the rules of chess define."""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from model.network.matmul import dense, dense_each


def unpack_bitboards(bitboards: jax.Array | np.ndarray) -> jax.Array:
    """[..., 8] uint8 bitboards -> [..., 64] uint8, 0 or 1 for each square."""
    bits = jnp.asarray(bitboards)[..., None] >> jnp.arange(8, dtype=jnp.uint8) & 1
    return bits.reshape(*bitboards.shape[:-1], 64)


class RelationBias(hk.Module):
    """A learned bias for each head and relation, summed over the relations that hold.

    Initially head h has the bias `preferred` for relation h mod R, and 0 for all others.
    """

    def __init__(self, heads: int, preferred: float = 3.0, name: str | None = None) -> None:
        super().__init__(name)
        self.heads = heads
        self.preferred = preferred

    def __call__(self, relations: jax.Array) -> jax.Array:
        """relations: [B, R, I, J], each 0 or 1 -> [B, H, I, J], to be added to the logits."""
        count = relations.shape[1]
        first = jnp.arange(self.heads)[:, None] % count == jnp.arange(count)
        weights = hk.get_parameter(
            "weights",
            (self.heads, count),
            init=lambda shape, dtype: self.preferred * first.astype(dtype),
        )
        # A batched matrix product: the result of an einsum would have to be transposed.
        batch = len(relations)
        weights = jnp.broadcast_to(weights.astype(relations.dtype), (batch, *weights.shape))
        biases = weights @ relations.reshape(*relations.shape[:2], -1)
        return biases.reshape(batch, self.heads, *relations.shape[2:])


class Attention(hk.Module):
    """Multi-head attention from I tokens to J tokens, without biases in its projections."""

    def __init__(
        self, heads: int, output_scale: float, position_bias: bool, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.heads = heads
        self.output_scale = output_scale
        self.position_bias = position_bias

    def __call__(self, x: jax.Array, memory: jax.Array, relations: jax.Array) -> jax.Array:
        """x: [B, I, D], memory: [B, J, D], relations: [B, R, I, J] -> [B, I, D]."""
        batch, length, width = x.shape
        init = hk.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal")
        if x is memory:
            queries, keys, values = self._heads(x, ("query", "key", "value"), init)
        else:
            (queries,) = self._heads(x, ("query",), init)
            keys, values = self._heads(memory, ("key", "value"), init)
        logits = jnp.einsum("bhid,bhjd->bhij", queries * (width // self.heads) ** -0.5, keys)
        logits = logits + RelationBias(self.heads)(relations)
        if self.position_bias:
            shape = (self.heads, length, memory.shape[1])
            logits += hk.get_parameter("position_bias", shape, init=jnp.zeros).astype(x.dtype)
        weights = jax.nn.softmax(logits.astype(jnp.float32)).astype(x.dtype)
        out = jnp.einsum("bhij,bhjd->bhid", weights, values).swapaxes(1, 2)
        scaled = hk.initializers.VarianceScaling(self.output_scale, "fan_in", "truncated_normal")
        out = dense(out.reshape(batch * length, width), width, "output", scaled)
        return out.reshape(x.shape)

    def _heads(
        self, x: jax.Array, names: tuple[str, ...], init: hk.initializers.Initializer
    ) -> list[jax.Array]:
        """x: [B, I, D] -> one projection [B, H, I, D / H] for each name."""
        batch, length, width = x.shape
        flat = dense_each(x.reshape(batch * length, width), width, names, init)
        split = (batch, length, self.heads, width // self.heads)
        return [each.reshape(split).swapaxes(1, 2) for each in flat]
