"""Weight averaging of networks that were fine-tuned from one start: a model soup (Wortsman et al.
2022, *Model soups*). The average is often better than each of them, and costs no more to run."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import jax
import numpy as np

from data_pipeline.common.errors import InputError
from model.network.network_file import Network, own_runs


def average(networks: Sequence[Network], weights: Sequence[float] = ()) -> Network:
    """The mean of each parameter, with ``weights`` for the networks if any are given.

    The name and the training record are those of the first network; the records of the others are
    added to it as ``averaged_with``, without the runs that they started from, and each network's
    share of the mean as ``average_shares``.

    Raises InputError for fewer than two networks, if their configurations differ, or if ``weights``
    are not one for each network with a positive sum.
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
    weights = weights or [1.0] * len(networks)
    if len(weights) != len(networks) or min(weights) < 0 or not sum(weights) > 0:
        raise InputError(
            f"expected a weight for each of {len(networks)} networks, with a positive sum, found "
            f"{', '.join(map(str, weights))}"
        )

    def mean(*arrays: np.ndarray) -> np.ndarray:
        return np.average(arrays, axis=0, weights=weights).astype(np.float32)

    params = jax.tree.map(mean, *(network.params for network in networks))
    shares = [weight / sum(weights) for weight in weights]
    averaged = replace(first, params=params)
    return averaged.with_training(
        averaged_with=own_runs([other.training for other in others]),
        average_shares=shares,
    )
