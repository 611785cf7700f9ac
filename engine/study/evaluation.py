"""The metrics of a study's network on test positions, with the prediction of its own loss.

Computed by `model.evaluation.evaluate`, as for any network.
"""

from collections.abc import Sequence
from functools import partial

import chess
import jax
import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_inputs
from data_pipeline.common.errors import InputError
from data_pipeline.dataset.records import decode
from model.config import NetworkConfig
from model.evaluation.evaluate import Predictions, measure_predictions
from model.network.architecture import transformed
from model.network.network_file import Network
from model.targets.value_losses import LossName, value_loss

FIGURES = (
    "agreement",
    "regret",
    "kendall_tau_b",
    "squared_error",
    "calibration_error",
    "log_loss",
    "crps",
)
DISTRIBUTIONS = ("two-hot", "one-hot", "hl-gauss")
"""Losses whose outputs are a distribution over bins; only these have a log loss and a CRPS."""

BATCH = 256
MAX_MOVES = 64


def choose_positions(encoded: Sequence[bytes], limit: int) -> list[bytes]:
    """The first ``limit`` records with all moves scored and at most 64 moves, in whole batches."""
    chosen: list[bytes] = []
    for i in range(len(encoded)):
        record = decode(encoded[i])
        if record.complete and 0 < len(record.actions) <= MAX_MOVES:
            chosen.append(encoded[i])
        if len(chosen) == limit:
            break
    if not chosen:
        raise InputError("expected test positions with all moves scored, found none")
    return chosen[: len(chosen) - len(chosen) % min(BATCH, len(chosen))]


def evaluate(network: Network, loss: LossName, encoded: Sequence[bytes]) -> dict[str, float | None]:
    """`FIGURES` as means over positions; None if the loss does not have that metric.

    Means are taken in the precision of the metrics (float32 for regret), as in existing tables.
    """
    rows, calibration = measure_predictions(encoded, partial(predict, network, loss))
    found: dict[str, float | None] = {}
    for name in FIGURES:
        values = getattr(rows, name, np.array(calibration.error()[0]))
        found[name] = None if np.isnan(values).all() else float(np.nanmean(values))
    return found


def predict(
    network: Network,
    loss: LossName,
    boards: Sequence[chess.Board],
    moves: Sequence[Sequence[chess.Move]],
) -> Predictions:
    """The predictions of the loss for these moves; in float32, also on GPUs."""
    expected, distributions = [], []
    for start in range(0, len(boards), BATCH):
        some = slice(start, start + BATCH)
        inputs = make_inputs(boards[some], moves[some], MAX_MOVES)
        found = _predictions(network.config, loss, network.params, inputs)
        for part, array in zip((expected, distributions), found, strict=True):
            part.append(np.asarray(array)[inputs.mask])
    whole = np.concatenate(distributions) if loss in DISTRIBUTIONS else None
    return Predictions(np.concatenate(expected), whole, network.bins)


@partial(jax.jit, static_argnames=("config", "loss"))
def _predictions(
    config: NetworkConfig, loss: LossName, params, inputs: Inputs
) -> tuple[jax.Array, jax.Array]:
    """Expected win probabilities [B, M], and softmax of the outputs [B, M, K]."""
    with jax.default_matmul_precision("float32"):
        outputs = transformed(config).apply(params, inputs).moves
        return value_loss(loss).predict(outputs), jax.nn.softmax(outputs)
