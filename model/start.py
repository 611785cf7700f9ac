"""The first weights of a training: drawn at random, or those of a network that is trained on.

A network may be trained on as one with more layers than it has, or with moves that see what comes
after them: what is new comes last and adds nothing at first, so that what was learned is all there
in the first step (as in Chen et al. 2016, *Net2Net*).
"""

from dataclasses import asdict

import numpy as np

from data_pipeline.errors import InputError
from model.config import BoardConfig, NetworkConfig
from model.layouts import init_params
from model.network import Network, Params
from model.transformer import LOOSE_MAPS

GROWING = ("layers", "decoder_layers", "consequences")
"""What may be more than the network has; of the layout `board`."""
_IDLE = ("output", "feed_forward_out", *LOOSE_MAPS)
"""Matrices whose product is added to something: zeros, where they are new."""


def first_params(config: NetworkConfig, seed: int, start: Network | None) -> Params:
    """Parameters before the first step, float32; the same for the same arguments.

    Raises InputError if ``start`` is of another shape, beyond having fewer layers.
    """
    params = init_params(config, seed)
    if start is None:
        return params
    _check(config, start.config)
    return {
        module: {
            name: _grown(name, array, start.params.get(module, {}).get(name))
            for name, array in arrays.items()
        }
        for module, arrays in params.items()
    }


def _grown(name: str, array: np.ndarray, learned: np.ndarray | None) -> np.ndarray:
    """What was learned, with zeros for what is new in it; or a new array, such that its layer adds
    nothing to its input."""
    if learned is None:
        return np.zeros_like(array) if name in _IDLE else array
    new = [(0, size - known) for size, known in zip(array.shape, learned.shape, strict=True)]
    return np.pad(learned, new)


def _check(config: NetworkConfig, start: NetworkConfig) -> None:
    expected, found = asdict(config), asdict(start)
    growing = GROWING if isinstance(config, type(start)) and isinstance(config, BoardConfig) else ()
    for name in (expected.keys() | found.keys()) - {"mate_range"}:  # it is no shape
        wanted, given = expected.get(name), found.get(name)
        grown = name in growing and given is not None and wanted is not None and given < wanted
        if wanted != given and not grown:
            raise InputError(
                f"expected a network to start from with {name} = {wanted}, found {given}; "
                "train with the shape of that network, or with more layers than it has, or with "
                "consequences"
            )
