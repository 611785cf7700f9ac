"""The forward pass of a network of the architecture `board`, in NumPy.

It computes what `model.network.board_transformer` computes with the target action-value, for
playing on a CPU. Nothing has to be compiled, so a process is ready as soon as the network is read,
and with the few rows of one position NumPy's products are at least as fast as XLA's.

The parameters are prepared once: matrices that multiply the same rows are joined, and the scale of
a norm is part of the matrices after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_pipeline.batches.board_batches import Inputs
from data_pipeline.encoding.afterstates import NUM_AFTERSTATES
from data_pipeline.encoding.attacks import NUM_PIECES
from data_pipeline.encoding.board import NUM_PROMOTIONS, NUM_RELATIONS, NUM_STATE
from model.config import BoardConfig
from model.network.network_file import Network, NetworkFileError

EPSILON = np.float32(1e-5)
"""That of Haiku's RMSNorm."""
LEAST_SUM = 1e-25
"""Of a row's exponentials: float32 loses precision below 1e-38."""


@dataclass(frozen=True)
class Layer:
    """The parameters of a layer with H heads, width D and R relations; those of a trunk layer have
    the position bias."""

    project: np.ndarray
    """Queries, and in a trunk layer keys and values: [D, D] or [D, 3 D]."""
    output: np.ndarray
    relation_bias: np.ndarray
    """[H, R]"""
    position_bias: np.ndarray | None
    """[H, 64, 64]"""
    feed_forward: tuple[np.ndarray, np.ndarray]


class AttentionWeights(NamedTuple):
    """Attention weights that sum to 1 over their last axis. L trunk and D decoder layers, H heads;
    squares are seen from the side to move."""

    trunk: np.ndarray
    """[L, B, H, 64, 64] float32: from each square to each square."""
    decoder: np.ndarray
    """[D, B, H, M, 64] float32: from each move to each square."""


class BoardPass:
    """A network as a function: positions with their moves -> distributions over win probability.

    Raises NetworkFileError if a parameter is missing or does not have the shape that the
    configuration needs.
    """

    def __init__(self, network: Network) -> None:
        assert isinstance(network.config, BoardConfig)
        self._config = config = network.config
        self._network = network
        width = config.width
        of_board = 4
        of_moves = NUM_RELATIONS + 2 + (NUM_AFTERSTATES if config.afterstates else 0)
        decoder = [f"decoder_{i}" for i in range(config.decoder_layers)]
        self._trunk = [self._layer(f"trunk_{i}", of_board, True) for i in range(config.layers)]
        self._decoder = [self._layer(name, of_moves, False) for name in decoder]
        pieces = self._take("~", "pieces", NUM_PIECES, width)
        self._pieces = pieces[:, None] + self._take("~", "squares", 64, width)
        self._state = self._take("~", "state", NUM_STATE, width)
        self._promotions = self._take("~", "promotions", NUM_PROMOTIONS, width)
        scale = self._take("trunk_norm", "scale", width)[:, None]
        maps = ["move_source", "move_target"]
        maps += ["move_own_loose", "move_other_loose"] if config.afterstates else []
        of_squares = [
            self._take(f"{name}/attention", kind, width, width)
            for name in decoder
            for kind in ("key", "value")
        ] + [self._take("~", name, width, width) for name in maps]
        self._of_squares = scale * np.concatenate(of_squares, axis=1)
        self._of_board = scale * self._take("~", "move_board", width, width)
        hidden = config.output_hidden_width
        scale = self._take("decoder_norm", "scale", width)[:, None]
        self._head = (
            scale * self._take("~", "move_head_in", width, hidden),
            self._take("~", "move_head_out", hidden, config.bins),
        )
        self._head_bias = self._take("~", "move_head_bias", config.bins)

    def _take(self, module: str, name: str, *shape: int) -> np.ndarray:
        found = self._network.params.get(module, {}).get(name)
        if found is None or found.shape != shape:
            what = "none" if found is None else str(found.shape)
            raise NetworkFileError(
                f"expected {module}//{name} of shape {shape}, found {what}; "
                "the network's configuration does not fit its parameters"
            )
        return found

    def _layer(self, name: str, relations: int, trunk: bool) -> Layer:
        config, width = self._config, self._config.width
        hidden, heads = width * config.widening, config.heads
        attention = f"{name}/attention"
        query = self._take(attention, "query", width, width)
        projections = [query * np.float32((width // heads) ** -0.5)]
        if trunk:
            projections += [self._take(attention, kind, width, width) for kind in ("key", "value")]
        with_positions = trunk and config.position_bias
        return Layer(
            self._take(f"{name}/attention_norm", "scale", width)[:, None]
            * np.concatenate(projections, axis=1),
            self._take(attention, "output", width, width),
            self._take(f"{attention}/relation_bias", "weights", heads, relations),
            self._take(attention, "position_bias", heads, 64, 64) if with_positions else None,
            (
                self._take(f"{name}/feed_forward_norm", "scale", width)[:, None]
                * self._take(name, "feed_forward_in", width, hidden),
                self._take(name, "feed_forward_out", hidden, width),
            ),
        )

    def __call__(self, inputs: Inputs) -> np.ndarray:
        """B positions with up to M moves -> [B, M, K] float32. Rows of padding have no meaning."""
        return self.moves(self.squares(inputs), inputs)

    def attention(self, inputs: Inputs) -> AttentionWeights:
        """What every head looks at."""
        trunk: list[np.ndarray] = []
        decoder: list[np.ndarray] = []
        self.moves(self.squares(inputs, trunk), inputs, decoder)
        batch, count = inputs.sources.shape
        no_layers = np.zeros((0, batch, self._config.heads, count, 64), np.float32)
        return AttentionWeights(np.stack(trunk), np.stack(decoder) if decoder else no_layers)

    def squares(self, inputs: Inputs, seen: list[np.ndarray] | None = None) -> np.ndarray:
        """[B 64, D]: the squares' tokens after the trunk, without the scale of the last norm.

        ``seen``: gets the attention weights of each layer.
        """
        attacks, xrays = _unpack(inputs.attacks), _unpack(inputs.xrays)
        relations = np.stack((attacks, attacks.swapaxes(1, 2), xrays, xrays.swapaxes(1, 2)), axis=1)
        x = self._pieces[inputs.squares, np.arange(64)]
        x += (inputs.state.astype(np.float32) @ self._state)[:, None]
        x = x.reshape(-1, self._config.width)
        for layer in self._trunk:
            projected = self._columns(_norm(x) @ layer.project)
            x = self._after_layer(layer, x, projected, relations, seen)
        return _norm(x)

    def moves(
        self, squares: np.ndarray, inputs: Inputs, seen: list[np.ndarray] | None = None
    ) -> np.ndarray:
        """The moves' distributions [B, M, K], from what `squares` gives. ``seen``: as there."""
        config = self._config
        batch, count = inputs.sources.shape
        maps = self._columns(squares @ self._of_squares)
        of_layers, of_moves = maps[: 2 * config.decoder_layers], maps[2 * config.decoder_layers :]
        first = 64 * np.arange(batch)[:, None]
        x = of_moves[0][first + inputs.sources] + of_moves[1][first + inputs.targets]
        x += (squares.reshape(batch, 64, -1).mean(axis=1) @ self._of_board)[:, None]
        x += self._promotions[inputs.promotions]
        each_square = np.eye(64, dtype=np.float32)
        relations = np.concatenate(
            (
                _unpack(inputs.relations),
                each_square[inputs.sources][:, :, None],
                each_square[inputs.targets][:, :, None],
                _unpack(inputs.afterstates),
            ),
            axis=2,
        ).swapaxes(1, 2)
        if config.afterstates:
            for loose, of_loose in zip((-2, -1), of_moves[2:], strict=True):
                x += relations[:, loose] @ of_loose.reshape(batch, 64, -1)
        relations = np.ascontiguousarray(relations)
        x = x.reshape(batch * count, -1)
        for layer, keys, values in zip(self._decoder, of_layers[::2], of_layers[1::2], strict=True):
            projected = _norm(x) @ layer.project, keys, values
            x = self._after_layer(layer, x, projected, relations, seen)
        logits = _relu_squared(_norm(x) @ self._head[0]) @ self._head[1]
        logits += self._head_bias
        exponentials, sums = _exponentials(logits.reshape(batch, count, -1))
        return exponentials / sums

    def _columns(self, joined: np.ndarray) -> list[np.ndarray]:
        """[N, n D] -> n views [N, D]."""
        width = self._config.width
        return [joined[:, at : at + width] for at in range(0, joined.shape[1], width)]

    def _after_layer(
        self,
        layer: Layer,
        x: np.ndarray,
        projected: Sequence[np.ndarray],
        relations: np.ndarray,
        seen: list[np.ndarray] | None,
    ) -> np.ndarray:
        """Tokens x [B I, D] after attention to the squares and the feed-forward layer.

        projected: queries [B I, D], keys and values [B 64, D]; relations: [B, R, I, 64].
        """
        batch, heads = len(relations), self._config.heads
        split = (batch, -1, heads, self._config.width // heads)
        queries, keys, values = (each.reshape(split).swapaxes(1, 2) for each in projected)
        biases = layer.relation_bias @ relations.reshape(*relations.shape[:2], -1)
        logits = queries @ keys.swapaxes(2, 3)
        logits += biases.reshape(logits.shape)
        if layer.position_bias is not None:
            logits += layer.position_bias
        weights, sums = _exponentials(logits)
        if seen is not None:
            seen.append(weights / sums)
        attended = weights @ values
        attended /= sums
        x = x + attended.swapaxes(1, 2).reshape(x.shape) @ layer.output
        first, second = layer.feed_forward
        x += _relu_squared(_norm(x) @ first) @ second
        return x


def _unpack(bitboards: np.ndarray) -> np.ndarray:
    """[..., 8] uint8 bitboards -> [..., 64] float32, 0 or 1 for each square."""
    return np.unpackbits(bitboards, axis=-1, bitorder="little").astype(np.float32)


def _norm(x: np.ndarray) -> np.ndarray:
    """RMSNorm over the last axis without its scale."""
    return x * (1 / np.sqrt(np.vecdot(x, x) / np.float32(x.shape[1]) + EPSILON))[:, None]


def _relu_squared(x: np.ndarray) -> np.ndarray:
    """In place."""
    np.maximum(x, 0, out=x)
    x *= x
    return x


def _exponentials(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[..., I, J] -> their exponentials, up to a factor for each row, and the sums of the rows
    [..., I, 1]: a quotient is the softmax.

    Subtracting one maximum from I rows is faster than subtracting each row's own, which is done
    only if a row is so far below it that its exponentials lose precision.
    """
    ones = np.ones(logits.shape[-1], np.float32)
    found = logits - logits.max(axis=(-2, -1), keepdims=True)
    sums = np.exp(found, out=found) @ ones
    if sums.min(initial=1) < LEAST_SUM:
        found = logits - logits.max(axis=-1, keepdims=True)
        sums = np.exp(found, out=found) @ ones
    return found, sums[..., None]
