"""The architecture `board`: a prefix decoder.

That is a Transformer whose first tokens, the prefix, attend to one another in both directions, and
whose other tokens are decoded from it. Here the prefix is the 64 squares, seen from the side to
move, and all legal moves are decoded from it at once: a move's token is made of its source square,
its target square and its promotion, attends to the prefix through the decoder layers
(cross-attention), and yields the distribution of its win probability over K bins. Moves do not
attend to one another, so a move's value does not depend on which other moves are asked for. Where
the move that is played is the target, a move's token yields one logit; where it is the position's
win probability, there are no moves, and it is read from the squares.
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
"""What a move's token is told of its side's loose pieces after the move, and of the opponent's."""


def forward(config: BoardConfig, inputs: Inputs, dtype: jnp.dtype = jnp.float32) -> Outputs:
    """Run inside `hk.transform`; layers compute in ``dtype``, parameters are float32."""
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
    """squares: [B, 64, D] -> [B, M, D]: what the moves' tokens make of them."""
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
    """[B, 64, D]: the squares after the trunk's layers; all that moves know of the position."""
    relations = board_relations(inputs).astype(dtype)
    squares = embed_squares(config, inputs).astype(dtype)
    for layer in range(config.layers):
        block = Block(config, config.position_bias, name=f"trunk_{layer}")
        squares = block(squares, None, relations)
    return norm(squares, "trunk_norm")


class Block(hk.Module):
    """Attention, then a feed-forward layer with squared ReLU; pre-norm, each added to its input."""

    def __init__(self, config: BoardConfig, position_bias: bool, name: str) -> None:
        super().__init__(name)
        self.config = config
        self.position_bias = position_bias

    def __call__(self, x: jax.Array, memory: jax.Array | None, relations: jax.Array) -> jax.Array:
        """x: [B, I, D], memory: [B, J, D] or None for x itself -> [B, I, D]; see `Attention`."""
        config = self.config
        # Output projections scaled by 1 / sqrt(2 * layers), so that the residual's variance holds.
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
    """RMSNorm over the last axis, with a learned scale; in float32, given back as ``x`` came."""
    return hk.RMSNorm(axis=-1, create_scale=True, name=name)(x.astype(jnp.float32)).astype(x.dtype)


def board_relations(inputs: Inputs) -> jax.Array:
    """[B, 4, 64, 64] uint8: i attacks j, j attacks i, i x-rays j, j x-rays i."""
    attacks, xrays = unpack_bitboards(inputs.attacks), unpack_bitboards(inputs.xrays)
    return jnp.stack((attacks, attacks.swapaxes(1, 2), xrays, xrays.swapaxes(1, 2)), axis=1)


def move_relations(inputs: Inputs, source: jax.Array, target: jax.Array) -> jax.Array:
    """[B, 5, M, 64]: attacks from the target, its attackers, discovered lines, source, target."""
    rules = unpack_bitboards(inputs.relations).swapaxes(1, 2).astype(source.dtype)
    return jnp.concatenate((rules, source[:, None], target[:, None]), axis=1)


def loose_pieces(config: BoardConfig, squares: jax.Array, loose: jax.Array) -> jax.Array:
    """squares: [B, 64, D], loose: [B, 2, M, 64] zeros and ones -> [B, M, D]: sums over the loose
    pieces of either side, so that it counts how many there are."""
    flat = squares.reshape(-1, config.width)
    maps = [each.reshape(squares.shape) for each in dense_each(flat, config.width, LOOSE_MAPS)]
    return jnp.einsum("brmj,rbjd->bmd", loose, jnp.stack(maps))


def embed_squares(config: BoardConfig, inputs: Inputs) -> jax.Array:
    """[B, 64, D]: piece + square + a linear map of castling rights and en passant."""
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
    """[B, M, D]: linear maps of source and target square and of the board's mean, + promotion.

    The squares are picked by products with one-hot rows: gradients of gathers are slow on CPUs.
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
    """x: [..., D] -> [..., outputs] float32 logits, through a hidden layer with squared ReLU."""
    flat = x.reshape(-1, config.width)
    hidden = jnp.square(jax.nn.relu(dense(flat, config.output_hidden_width, f"{name}_in")))
    logits = dense(hidden, outputs, f"{name}_out")
    bias = hk.get_parameter(f"{name}_bias", (outputs,), init=jnp.zeros)
    return (logits.astype(jnp.float32) + bias).reshape(*x.shape[:-1], outputs)
