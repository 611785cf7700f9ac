"""The figures of a study's network on test positions, by the loss's own prediction."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_inputs
from data_pipeline.common.errors import InputError
from data_pipeline.dataset.records import decode
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.values import ValueBins, one_hot
from model.config import NetworkConfig
from model.evaluation import metrics
from model.evaluation.calibration import Calibration
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
"""The losses whose outputs are a distribution over bins: they alone have a log loss and a CRPS."""

BATCH = 256
MAX_MOVES = 64


class TestSet(NamedTuple):
    """N positions, all of whose moves the teacher scored, in batches; moves by their action ids.

    The records' own order, best first, would give a network that cannot decide the right move for
    nothing.
    """

    batches: list[Inputs]
    win_probs: list[np.ndarray]
    """[B, 64] float32 each: the teacher's, of the side to move."""


def make_test_set(encoded: Sequence[bytes], limit: int) -> TestSet:
    """The first ``limit`` complete positions of at most 64 moves, down to whole batches."""
    chosen = []
    for i in range(len(encoded)):
        record = decode(encoded[i])
        if record.complete and 0 < len(record.actions) <= MAX_MOVES:
            chosen.append(record)
        if len(chosen) == limit:
            break
    if not chosen:
        raise InputError("expected test positions with all moves scored, found none")
    size = min(BATCH, len(chosen))
    inputs, win_probs = [], []
    for start in range(0, len(chosen) - size + 1, size):
        records = chosen[start : start + size]
        orders = [np.argsort(record.actions) for record in records]
        actions = [r.actions[o].tolist() for r, o in zip(records, orders, strict=True)]
        moves = [[CHESS_MOVES[action] for action in row] for row in actions]
        inputs.append(make_inputs([record.board for record in records], moves, MAX_MOVES))
        teacher = np.zeros((size, MAX_MOVES), np.float32)
        for row, record, order in zip(teacher, records, orders, strict=True):
            row[: len(order)] = record.win_probs[order]
        win_probs.append(teacher)
    return TestSet(inputs, win_probs)


@partial(jax.jit, static_argnames=("config", "loss"))
def predictions(
    config: NetworkConfig, loss: LossName, params, inputs: Inputs
) -> tuple[jax.Array, jax.Array]:
    """Expected win probabilities [B, M], and softmax of the outputs [B, M, K]."""
    outputs = transformed(config).apply(params, inputs).moves
    return value_loss(loss).predict(outputs), jax.nn.softmax(outputs)


def evaluate(network: Network, loss: LossName, tests: TestSet) -> dict[str, float | None]:
    """`FIGURES`, each position weighing the same; None where the loss has no such figure."""
    rows: list[dict[str, np.ndarray]] = []
    calibration = Calibration.empty()
    params = jax.device_put(network.params)
    for number, (inputs, teacher) in enumerate(zip(*tests, strict=True)):
        expected, distributions = predictions(network.config, loss, params, inputs)
        expected, distributions = np.asarray(expected), np.asarray(distributions)
        rows.append(_figures(network.bins, loss, inputs.mask, teacher, expected, distributions))
        _calibrate(calibration, number, inputs.mask, teacher, expected)
    found = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
    found["calibration_error"] = calibration.error()[0]
    return {name: found.get(name) for name in FIGURES}


def _figures(
    bins: ValueBins,
    loss: LossName,
    legal: np.ndarray,
    teacher: np.ndarray,
    expected: np.ndarray,
    distributions: np.ndarray,
) -> dict[str, np.ndarray]:
    """Figures [B] of one batch."""

    def mean(per_move: np.ndarray) -> np.ndarray:
        return np.where(legal, per_move, 0.0).sum(axis=-1) / legal.sum(axis=-1)

    figures = {
        "agreement": metrics.agreement(teacher, expected, legal),
        "regret": metrics.regret(teacher, expected, legal),
        "kendall_tau_b": metrics.kendall_tau_b(expected, teacher, legal),
        "squared_error": mean(metrics.squared_error(teacher, expected)),
    }
    if loss in DISTRIBUTIONS:
        figures["log_loss"] = mean(metrics.log_loss(distributions, bins.bin_of(teacher)))
        figures["crps"] = mean(metrics.crps(distributions, bins.edges, teacher))
    return figures


def _calibrate(
    calibration: Calibration,
    batch: int,
    legal: np.ndarray,
    teacher: np.ndarray,
    expected: np.ndarray,
) -> None:
    """Add a batch's moves. Regression has no distribution, so each value is given its own bin."""
    values, wanted = expected[legal], teacher[legal]
    points = ValueBins(20)
    owners = np.broadcast_to(np.arange(len(legal))[:, None], legal.shape)[legal] + batch * BATCH
    own_bins = one_hot(np.clip(values, 0.0, 1.0), points)
    calibration.add(values, own_bins, wanted, points.bin_of(wanted), owners)
