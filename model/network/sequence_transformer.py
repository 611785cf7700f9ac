"""The architecture `sequence`: the decoder-only Transformer of Ruoss et al. 2024, section 2.3.

A training sequence has 79 tokens: 77 for the FEN, the move, and the bin of its win probability. The
input is this sequence shifted right by one: it starts with a 0 and leaves out the bin. At its last
position the network has seen the board and the move, and the output there is the distribution over
the move's win probability; other outputs are not computed. With the targets state-value and
behavioral-cloning there is no move in the sequence, and the output is taken at the board's last
token. Modules and parameters have the same names as in the reference's Haiku code.
"""

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from data_pipeline.batches.sequence_batches import SequenceInputs
from data_pipeline.encoding.actions import NUM_ACTIONS
from data_pipeline.encoding.tokens import SEQUENCE_LENGTH
from model.config import SequenceConfig
from model.targets import TARGETS
from model.targets.target import Outputs

PREFIX = SEQUENCE_LENGTH + 1
"""Number of tokens before the moves: the initial 0 and the board."""


def forward(
    config: SequenceConfig, inputs: SequenceInputs, dtype: jnp.dtype = jnp.float32
) -> Outputs:
    """The network's outputs; call it inside `hk.transform`.

    Layers compute in ``dtype``; parameters and outputs are float32. With a causal mask the board
    does not attend to the move, so the moves of a position share one board: all of them follow it,
    at the same position in the sequence, and are masked from one another.
    """
    positions, moves = inputs.actions.shape
    boards = jnp.pad(jnp.asarray(inputs.boards, jnp.int32), ((0, 0), (1, 0)))
    actions = jnp.asarray(inputs.actions, jnp.int32)
    output = TARGETS[config.target].heads[0]
    if output != "moves":
        mask = causal_mask(0) if config.causal else None
        logits = decode(config, boards, np.arange(PREFIX), mask, slice(PREFIX - 1, None), dtype)
        logits = logits[:, 0]
        if output == "state":
            return Outputs(state=logits)
        policy = jnp.take_along_axis(logits, actions, axis=-1)
        return Outputs(policy=policy, policy_total=jax.nn.logsumexp(logits, axis=-1))
    if not config.causal:
        boards, actions = jnp.repeat(boards, moves, axis=0), actions.reshape(-1, 1)
    tokens = jnp.concatenate((boards, actions), axis=1)
    indices = np.minimum(np.arange(tokens.shape[1]), PREFIX)
    mask = causal_mask(actions.shape[1]) if config.causal else None
    logits = decode(config, tokens, indices, mask, slice(PREFIX, None), dtype)
    return Outputs(logits.reshape(positions, moves, config.bins))


def causal_mask(moves: int) -> np.ndarray:
    """[T, T] bool: which tokens each token attends to, for a board followed by ``moves`` moves."""
    mask = np.tri(PREFIX + moves, dtype=bool)
    mask[PREFIX:, PREFIX:] = np.eye(moves, dtype=bool)
    return mask


def decode(
    config: SequenceConfig,
    tokens: jax.Array,
    indices: np.ndarray,
    mask: np.ndarray | None,
    outputs: slice,
    dtype: jnp.dtype = jnp.float32,
) -> jax.Array:
    """Logits [B, R, outputs] float32 of the R tokens that ``outputs`` selects.

    tokens: [B, T] int32; indices: [T], their positions in the sequence; mask: [T, T] or None.
    """
    x = embed(config, tokens, indices).astype(dtype)
    for layer in range(config.layers):
        # The last layer computes only the tokens whose outputs are needed.
        queries = outputs if layer == config.layers - 1 else slice(None)
        memory = layer_norm(x)
        attention = Attention(config)(
            memory[:, queries], memory, None if mask is None else mask[queries]
        )
        x = x[:, queries] + attention
        x = x + feed_forward(config, layer_norm(x))
    return linear(layer_norm(x).astype(jnp.float32), config.outputs, bias=True)


class Attention(hk.Module):
    """Multi-head attention without biases in its projections."""

    def __init__(self, config: SequenceConfig) -> None:
        super().__init__("multi_head_dot_product_attention")
        self.config = config

    def __call__(self, x: jax.Array, memory: jax.Array, mask: np.ndarray | None) -> jax.Array:
        """x: [B, I, D], memory: [B, J, D], mask: [I, J] bool or None for all -> [B, I, D]."""
        width, heads = self.config.width, self.config.heads
        queries, keys = linear(x, width), linear(memory, width)
        if self.config.query_key_norm:
            queries, keys = layer_norm(queries), layer_norm(keys)
        values = linear(memory, width)
        queries, keys, values = map(self._split, (queries * (width // heads) ** -0.5, keys, values))
        logits = jnp.einsum("bhid,bhjd->bhij", queries, keys).astype(jnp.float32)
        if mask is not None:
            logits = jnp.where(mask, logits, jnp.finfo(jnp.float32).min)
        weights = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
        sums = weights.sum(axis=-1, keepdims=True).astype(x.dtype)
        out = jnp.einsum("bhij,bhjd->bhid", weights.astype(x.dtype), values) / sums
        return linear(out.swapaxes(1, 2).reshape(x.shape), width)

    def _split(self, x: jax.Array) -> jax.Array:
        """[B, I, D] -> [B, H, I, D / H]"""
        heads = self.config.heads
        return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).swapaxes(1, 2)


def embed(config: SequenceConfig, tokens: jax.Array, indices: np.ndarray) -> jax.Array:
    """tokens: [B, T] int32, their positions in the sequence [T] -> [B, T, D] float32."""
    small = hk.initializers.TruncatedNormal(0.02)
    embeddings = hk.Embed(NUM_ACTIONS, config.width, w_init=small)(tokens)
    positional = hk.Embed(PREFIX + 1, config.width)(jnp.asarray(indices))
    return embeddings * config.width**0.5 + positional


def feed_forward(config: SequenceConfig, x: jax.Array) -> jax.Array:
    """SwiGLU without biases (Shazeer 2020): [..., D] -> [..., D]."""
    hidden = config.width * config.widening
    return linear(jax.nn.silu(linear(x, hidden)) * linear(x, hidden), config.width)


def layer_norm(x: jax.Array) -> jax.Array:
    """LayerNorm over the last axis with scale and offset, computed in float32; keeps the type of
    x."""
    norm = hk.LayerNorm(axis=-1, create_scale=True, create_offset=True)
    return norm(x.astype(jnp.float32)).astype(x.dtype)


def linear(x: jax.Array, width: int, bias: bool = False) -> jax.Array:
    """[..., D] -> [..., width], computed in the type of ``x``."""
    with hk.custom_getter(lambda getter, value, _: getter(value).astype(x.dtype)):
        return hk.Linear(width, with_bias=bias)(x)
