"""A network's figures on encoded records of a dataset."""

from collections.abc import Sequence

import jax
import numpy as np

from data_pipeline import records
from data_pipeline.batches import make_batch
from model import metrics
from model.layouts import transformed
from model.network import Network

MAX_MOVES = 64


def evaluate(network: Network, encoded: Sequence[bytes], batch_size: int = 64) -> dict[str, float]:
    """Agreement, regret and squared error (means over positions) of a network's expected values."""
    apply = transformed(network.config).apply
    passes = jax.jit(lambda inputs: jax.nn.softmax(apply(network.params, inputs).moves))
    figures: dict[str, list[np.ndarray]] = {"agreement": [], "regret": [], "squared_error": []}
    for start in range(0, len(encoded), batch_size):
        rows = [records.decode(row) for row in encoded[start : start + batch_size]]
        fill = rows[:1] * (batch_size - len(rows))
        batch = make_batch([*rows, *fill], MAX_MOVES)
        distributions = np.asarray(passes(batch.inputs))
        real = slice(len(rows))
        expected = network.bins.expectation(distributions)[real]
        teacher, legal = batch.win_probs[real], batch.inputs.mask[real]
        figures["agreement"].append(metrics.agreement(teacher, expected, legal))
        figures["regret"].append(metrics.regret(teacher, expected, legal))
        errors = metrics.squared_error(teacher, expected)
        figures["squared_error"].append((errors * legal).sum(axis=-1) / legal.sum(axis=-1))
    return {name: float(np.concatenate(values).mean()) for name, values in figures.items()}
