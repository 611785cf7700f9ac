"""The loss of a network as a function of its parameters and a batch."""

from typing import Any

import jax
import jax.numpy as jnp

from data_pipeline.batches.batch import Batch
from model.config import LossConfig, NetworkConfig, TrainingDtype
from model.network.architecture import transformed
from model.targets import TARGETS
from model.training.step import LossOf, Parts


def network_loss(
    network: NetworkConfig, loss: LossConfig, dtype: TrainingDtype = "float32"
) -> LossOf:
    """The function (params, batch) -> (the loss [] of the network's target, its parts)."""
    apply = transformed(network, jnp.dtype("float32" if dtype == "mixed" else dtype)).apply
    precision = "bfloat16" if dtype == "mixed" else None
    target = TARGETS[network.target]

    def loss_of(params: Any, batch: Batch) -> tuple[jax.Array, Parts]:
        with jax.default_matmul_precision(precision):
            outputs = apply(params, batch.inputs)
        return target.loss(loss, network.mate_range, outputs, batch)

    return loss_of
