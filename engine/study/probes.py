"""Linear probes of the frozen output of a trained trunk (Alain & Bengio 2017).

A probe is a least-squares map from the trunk's output, averaged over the 64 squares, to a quantity
that the network was not trained for. Its metric is R^2 on other positions: 1 means that all
variance is explained, 0 none. An untrained trunk shows how much a probe can read from the input
alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import chess
import haiku as hk
import jax
import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_inputs
from data_pipeline.dataset.dataset import Dataset
from data_pipeline.dataset.records import decode
from engine.study.grid import Cell, Sweep
from engine.study.run import network_path
from engine.study.table import Point, Table, add_row, points, read_table
from model.config import BoardConfig
from model.network import board_transformer as transformer
from model.network.architecture import init_params
from model.network.network_file import Params, load_network

PROBES_FILE = "probes.csv"
BATCH = 256
PAWNS = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9}
PHASE = {chess.KNIGHT: 1, chess.BISHOP: 1, chess.ROOK: 2, chess.QUEEN: 4}


def material_balance(board: chess.Board) -> float:
    """Material of the side to move minus the opponent's, in pawns."""
    return float(
        sum(
            value
            * (len(board.pieces(piece, board.turn)) - len(board.pieces(piece, not board.turn)))
            for piece, value in PAWNS.items()
        )
    )


def king_safety(board: chess.Board) -> float:
    """Attacked squares around the opponent's king minus those around our king, kings included."""
    return float(_pressed(board, not board.turn) - _pressed(board, board.turn))


def _pressed(board: chess.Board, color: chess.Color) -> int:
    king = board.king(color)
    assert king is not None
    zone = chess.SquareSet(chess.BB_KING_ATTACKS[king] | chess.BB_SQUARES[king])
    return sum(board.is_attacked_by(not color, square) for square in zone)


def game_phase(board: chess.Board) -> float:
    """1 with all knights, bishops, rooks and queens, 0 without any."""
    return (
        sum(
            weight * len(board.pieces(piece, color))
            for (piece, weight), color in product(PHASE.items(), chess.COLORS)
        )
        / 24
    )


PROBES: dict[str, Callable[[chess.Board], float]] = {
    "material_balance": material_balance,
    "king_safety": king_safety,
    "game_phase": game_phase,
}


def run_probes(
    cells: Sequence[Cell],
    dataset: Dataset,
    out: Path,
    positions: int,
    progress: Callable[[int], None],
) -> None:
    """Probe the networks in ``out`` that have no row in ``out/probes.csv``, and untrained ones.

    Probes are fitted on the first positions of the split `train` and tested on the first of `test`.
    ``progress`` gets the number of networks done.
    """
    untrained = [untrained_cell(cell) for cell in cells]
    done = read_table(out / PROBES_FILE)
    missing = [cell for cell in dict.fromkeys([*cells, *untrained]) if cell not in done]
    if not missing:
        return
    fit, test = (_boards(dataset, split, positions) for split in ("train", "test"))
    inputs = [_batches(boards) for boards in (fit, test)]
    values = [_values(boards) for boards in (fit, test)]
    for number, cell in enumerate(missing):
        if cell.steps:
            params = load_network(network_path(out, cell)).params
        else:
            params = init_params(cell.network, cell.seed)
        features = [_features(cell.network, params, batches) for batches in inputs]
        figures = r_squared(features[0], values[0], features[1], values[1])
        add_row(out / PROBES_FILE, cell, dict(zip(PROBES, figures.tolist(), strict=True)))
        progress(number + 1)


def untrained_cell(cell: Cell) -> Cell:
    """A cell that represents the untrained network of this cell."""
    return Cell(size=cell.size, bins=cell.bins, seed=cell.seed, steps=0)


def untrained_points(base: Cell, seeds: int, probes: Table) -> list[Point]:
    """The metrics of untrained trunks over their seeds."""
    start = untrained_cell(base)
    return points(Sweep("size", (start.size,), (start.loss,)), start, seeds, probes)


def r_squared(
    features: np.ndarray, values: np.ndarray, test_features: np.ndarray, test_values: np.ndarray
) -> np.ndarray:
    """[N, D], [N, V], [T, D], [T, V] -> [V]: test R^2 of least squares with an intercept."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6

    def design(x: np.ndarray) -> np.ndarray:
        return np.c_[np.ones(len(x)), (x - mean) / scale]

    weights, *_ = np.linalg.lstsq(design(features), values, rcond=None)
    errors = test_values - design(test_features) @ weights
    spread = test_values - test_values.mean(axis=0)
    return 1.0 - np.square(errors).sum(axis=0) / np.square(spread).sum(axis=0)


def _boards(dataset: Dataset, split: str, positions: int) -> list[chess.Board]:
    encoded = dataset.records(split)
    return [decode(encoded[i]).board for i in range(min(positions, len(encoded)))]


def _batches(boards: list[chess.Board]) -> list[Inputs]:
    """Batches of at most BATCH positions, without moves."""
    parts = [boards[start : start + BATCH] for start in range(0, len(boards), BATCH)]
    return [make_inputs(part, [()] * len(part), 1) for part in parts]


def _values(boards: list[chess.Board]) -> np.ndarray:
    """[N, V]: the quantities that the probes predict."""
    return np.array([[value(board) for value in PROBES.values()] for board in boards])


@partial(jax.jit, static_argnames="config")
def trunk_mean(config: BoardConfig, params: Params, inputs: Inputs) -> jax.Array:
    """[B, D]: the mean of the trunk's output over the squares."""
    run = hk.without_apply_rng(hk.transform(partial(transformer.trunk, config)))
    return run.apply(params, inputs).mean(axis=1)


def _features(config: BoardConfig, params: Params, batches: list[Inputs]) -> np.ndarray:
    return np.concatenate([np.asarray(trunk_mean(config, params, batch)) for batch in batches])
