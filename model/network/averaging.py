"""Weight averaging of networks that were fine-tuned from one start: a model soup (Wortsman et al.
2022, *Model soups*). The average is often better than each of them, and costs no more to run."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import jax
import numpy as np

from data_pipeline.common.errors import InputError
from model.network.network_file import Network


def average(networks: Sequence[Network]) -> Network:
    """The mean of each parameter. The name and the training record are those of the first network;
    the records of the others are added to it as ``averaged_with``.

    Raises InputError for fewer than two networks, or if their configurations differ.
    """
    if len(networks) < 2:
        raise InputError(f"expected two networks or more to average, found {len(networks)}")
    first, *others = networks
    for other in others:
        ours, theirs = asdict(first.config), asdict(other.config)
        if ours != theirs:
            name = next(name for name in ours if ours[name] != theirs.get(name))
            raise InputError(
                f"expected networks of one configuration to average, found {first.name} and "
                f"{other.name} with another {name}"
            )
    params = jax.tree.map(
        lambda *arrays: np.mean(arrays, axis=0, dtype=np.float64).astype(np.float32),
        *(network.params for network in networks),
    )
    averaged = replace(first, params=params)
    return averaged.with_training(averaged_with=[other.training for other in others])
