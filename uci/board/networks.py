"""The networks that a board server offers, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import chess
import numpy as np

from engine.match.player_specs import numbered
from engine.play.engine import SearchlessEngine
from engine.play.strength import StrengthCurve

if TYPE_CHECKING:
    from model.inference.board_pass import BoardPass
    from model.network.network_file import Network

Attention = Callable[[chess.Board, Sequence[chess.Move]], tuple[np.ndarray, np.ndarray]]
"""A position and its moves -> attention weights, with squares numbered as in python-chess:
[L, H, 64, 64] from each square to each square, [D, H, M, 64] from each move to each square."""


@dataclass(frozen=True)
class BoardNetwork:
    """A network, ready to play. ``curve``: its strength by temperature, if it was measured.
    ``attention``: None for other architectures."""

    name: str
    engine: SearchlessEngine
    curve: StrengthCurve | None = None
    attention: Attention | None = None


def open_networks(paths: Sequence[Path]) -> dict[str, BoardNetwork]:
    """Networks by the stems of their file names; the first one is the default.

    Repeated stems are numbered.
    """
    from model.inference.board_predictor import limit_threads

    limit_threads(1)  # as the UCI engine: two threads wait for each other on a busy machine
    names = numbered([path.stem for path in paths])
    return {name: _open(path, name) for name, path in zip(names, paths, strict=True)}


def _open(path: Path, name: str) -> BoardNetwork:
    from engine.play.engine import require_win_probs
    from engine.play.loading import load_predictor
    from engine.play.strength import curve_of
    from model.inference.board_pass import BoardPass
    from model.inference.board_predictor import BoardPredictor

    predictor = load_predictor(path, warm=1)
    require_win_probs(predictor)
    network = predictor.network
    attention = None
    if isinstance(predictor, BoardPredictor):
        attention = _attention_of(network, predictor.network_pass)
    elif BoardPredictor.computes(network.config):  # JAX plays
        attention = _attention_of(network, BoardPass(network))
    return BoardNetwork(name, SearchlessEngine(predictor), curve_of(network.training), attention)


def _attention_of(network: "Network", network_pass: "BoardPass") -> Attention:
    """The attention weights of every head, with squares as White sees them."""
    from data_pipeline.batches.board_batches import make_inputs

    def attention(board: chess.Board, moves: Sequence[chess.Move]) -> tuple[np.ndarray, np.ndarray]:
        inputs = make_inputs([board], [moves], len(moves), after=network.config.afterstates)
        weights = network_pass.attention(inputs)
        squares = np.arange(64) ^ (0 if board.turn else 56)
        return weights.trunk[:, 0][:, :, squares][..., squares], weights.decoder[:, 0][..., squares]

    return attention
