"""The architecture `board`: a prefix decoder.

A prefix decoder is a Transformer whose prefix tokens attend to one another in both directions, and
whose other tokens are decoded from the prefix. Here the prefix is the 64 squares, seen from the
side to move, and all legal moves are decoded from it in parallel. A move's token is made of its
source square, target square and promotion; it attends to the prefix through the decoder layers
(cross-attention) and gives a distribution over K bins of win probability. Moves do not attend to
one another, so the value of a move does not depend on the other moves in the batch.

With the target behavioral-cloning, a move's token gives one logit. With the target state-value
there are no moves: the position's distribution is computed from the mean of its squares.
"""

import haiku as hk
import jax
import jax.numpy as jnp

from data_pipeline.batches.board_batches import Inputs
from data_pipeline.encoding.board import NUM_PIECES, NUM_PROMOTIONS
from model.config import BoardConfig
from model.network.attention import Attention, unpack_bitboards
from model.network.matmul import dense, dense_each
from model.targets import TARGETS
from model.targets.target import Outputs

LOOSE_MAPS = ("move_own_loose", "move_other_loose")
"""Linear maps of the loose pieces after a move: those of the side that moves, and the
opponent's."""


def forward(config: BoardConfig, inputs: Inputs, dtype: jnp.dtype = jnp.float32) -> Outputs:
    """The network's outputs; call it inside `hk.transform`.

    Layers compute in ``dtype``; parameters and outputs are float32.
    """
    squares = trunk(config, inputs, dtype)
    outputs = Outputs()
    for name in TARGETS[config.target].heads:
        if name == "state":
            state = head(config, squares.mean(axis=1), "state_head", config.bins)
            outputs = outputs._replace(state=state)
            continue
        decoded = decode_moves(config, squares, inputs)
        if name == "moves":
            outputs = outputs._replace(moves=head(config, decoded, "move_head", config.bins))
        else:
            policy = head(config, decoded, "move_head", 1)[..., 0]
            total = jax.nn.logsumexp(jnp.where(inputs.mask, policy, -1e9), axis=-1)
            outputs = outputs._replace(policy=policy, policy_total=total)
    return outputs


def decode_moves(config: BoardConfig, squares: jax.Array, inputs: Inputs) -> jax.Array:
    """squares: [B, 64, D] -> [B, M, D]: the moves' tokens after the decoder."""
    source, target = (
        jax.nn.one_hot(s, 64, dtype=squares.dtype) for s in (inputs.sources, inputs.targets)
    )
    moves = embed_moves(config, squares, source, target, inputs)
    relations = move_relations(inputs, source, target)
    if config.afterstates:
        after = unpack_bitboards(inputs.afterstates).swapaxes(1, 2).astype(squares.dtype)
        relations = jnp.concatenate((relations, after), axis=1)
        moves += loose_pieces(config, squares, after[:, 2:])
    for layer in range(config.decoder_layers):
        moves = Block(config, position_bias=False, name=f"decoder_{layer}")(
            moves, squares, relations
        )
    return norm(moves, "decoder_norm")


def trunk(config: BoardConfig, inputs: Inputs, dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """[B, 64, D]: the squares' tokens after the trunk, from which moves are decoded."""
    relations = board_relations(inputs).astype(dtype)
    squares = embed_squares(config, inputs).astype(dtype)
    for layer in range(config.layers):
        block = Block(config, config.position_bias, name=f"trunk_{layer}")
        squares = block(squares, None, relations)
    return norm(squares, "trunk_norm")


class Block(hk.Module):
    """A pre-norm Transformer layer: attention and a feed-forward layer with squared ReLU (So et al.
    2021, *Primer*), each with a residual connection."""

    def __init__(self, config: BoardConfig, position_bias: bool, name: str) -> None:
        super().__init__(name)
        self.config = config
        self.position_bias = position_bias

    def __call__(self, x: jax.Array, memory: jax.Array | None, relations: jax.Array) -> jax.Array:
        """x: [B, I, D], memory: [B, J, D], or None for self-attention -> [B, I, D]."""
        config = self.config
        # Output projections start with variance / (2 * layers), so that the residual stream's
        # variance does not grow with depth.
        output_scale = 1.0 / (2 * config.layers)
        normed = norm(x, "attention_norm")
        attention = Attention(config.heads, output_scale, self.position_bias, name="attention")
        x = x + attention(normed, normed if memory is None else memory, relations)
        hidden = norm(x, "feed_forward_norm").reshape(-1, config.width)
        hidden = dense(hidden, config.width * config.widening, "feed_forward_in")
        init = hk.initializers.VarianceScaling(output_scale, "fan_in", "truncated_normal")
        out = dense(jnp.square(jax.nn.relu(hidden)), config.width, "feed_forward_out", init)
        return x + out.reshape(x.shape)


def norm(x: jax.Array, name: str) -> jax.Array:
    """RMSNorm over the last axis with a learned scale, computed in float32; keeps the type of x."""
    return hk.RMSNorm(axis=-1, create_scale=True, name=name)(x.astype(jnp.float32)).astype(x.dtype)


def board_relations(inputs: Inputs) -> jax.Array:
    """[B, 4, 64, 64] uint8: i attacks j, j attacks i, i x-rays j, j x-rays i."""
    attacks, xrays = unpack_bitboards(inputs.attacks), unpack_bitboards(inputs.xrays)
    return jnp.stack((attacks, attacks.swapaxes(1, 2), xrays, xrays.swapaxes(1, 2)), axis=1)


def move_relations(inputs: Inputs, source: jax.Array, target: jax.Array) -> jax.Array:
    """[B, 5, M, 64]: squares attacked from the target square, attackers of the target square, lines
    opened by the move, source square, target square."""
    rules = unpack_bitboards(inputs.relations).swapaxes(1, 2).astype(source.dtype)
    return jnp.concatenate((rules, source[:, None], target[:, None]), axis=1)


def loose_pieces(config: BoardConfig, squares: jax.Array, loose: jax.Array) -> jax.Array:
    """squares: [B, 64, D], loose: [B, 2, M, 64], each 0 or 1 -> [B, M, D]: sums, not means, over
    the loose pieces of each side, so that their number matters."""
    flat = squares.reshape(-1, config.width)
    maps = [each.reshape(squares.shape) for each in dense_each(flat, config.width, LOOSE_MAPS)]
    return jnp.einsum("brmj,rbjd->bmd", loose, jnp.stack(maps))


def embed_squares(config: BoardConfig, inputs: Inputs) -> jax.Array:
    """[B, 64, D]: embeddings of piece and square, plus a linear map of castling rights and en
    passant."""
    init = hk.initializers.TruncatedNormal(0.5)
    pieces = hk.get_parameter("pieces", (NUM_PIECES, config.width), init=init)
    positions = hk.get_parameter("squares", (64, config.width), init=init)
    state_map = hk.get_parameter(
        "state", (inputs.state.shape[-1], config.width), init=hk.initializers.TruncatedNormal(0.1)
    )
    state = inputs.state.astype(jnp.float32) @ state_map
    kinds = jax.nn.one_hot(inputs.squares, NUM_PIECES)
    return kinds @ pieces + positions + state[:, None]


def embed_moves(
    config: BoardConfig,
    squares: jax.Array,
    source: jax.Array,
    target: jax.Array,
    inputs: Inputs,
) -> jax.Array:
    """[B, M, D]: linear maps of the source square, the target square and the mean of the board,
    plus an embedding of the promotion.

    squares: [B, 64, D]; source, target: [B, M, 64] one-hot. Squares are selected by products with
    one-hot rows, since gradients of gathers are slow on CPUs.
    """
    flat = squares.reshape(-1, config.width)
    maps = dense_each(flat, config.width, ("move_source", "move_target"))
    sources, targets = (each.reshape(squares.shape) for each in maps)
    mean = dense(squares.mean(axis=1), config.width, "move_board")
    init = hk.initializers.TruncatedNormal(0.5)
    promotions = hk.get_parameter("promotions", (NUM_PROMOTIONS, config.width), init=init)
    promotion = jax.nn.one_hot(inputs.promotions, NUM_PROMOTIONS) @ promotions
    return source @ sources + target @ targets + mean[:, None] + promotion.astype(squares.dtype)


def head(config: BoardConfig, x: jax.Array, name: str, outputs: int) -> jax.Array:
    """x: [..., D] -> [..., outputs] float32 logits; one hidden layer with squared ReLU."""
    flat = x.reshape(-1, config.width)
    hidden = jnp.square(jax.nn.relu(dense(flat, config.output_hidden_width, f"{name}_in")))
    logits = dense(hidden, outputs, f"{name}_out")
    bias = hk.get_parameter(f"{name}_bias", (outputs,), init=jnp.zeros)
    return (logits.astype(jnp.float32) + bias).reshape(*x.shape[:-1], outputs)
