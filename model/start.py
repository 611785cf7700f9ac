"""The first weights of a training: drawn at random, or those of a network that is trained on.

A network may be trained on as one with more layers than it has: the new ones come last and add
nothing to their input at first, so that what was learned is all there in the first step (as in
Chen et al. 2016, *Net2Net*).
"""

from dataclasses import asdict

import numpy as np

from data_pipeline.errors import InputError
from model.config import BoardConfig, NetworkConfig
from model.layouts import init_params
from model.network import Network, Params

GROWING = ("layers", "decoder_layers")
"""What may be more than the network has; of the layout `board`."""
_ADDED_TO_THE_RESIDUAL = ("output", "feed_forward_out")


def first_params(config: NetworkConfig, seed: int, start: Network | None) -> Params:
    """Parameters before the first step, float32; the same for the same arguments.

    Raises InputError if ``start`` is of another shape, beyond having fewer layers.
    """
    params = init_params(config, seed)
    if start is None:
        return params
    _check(config, start.config)
    return {
        module: start.params[module] if module in start.params else _idle(arrays)
        for module, arrays in params.items()
    }


def _idle(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A new layer's parameters, such that it adds nothing to its input."""
    return {
        name: np.zeros_like(array) if name in _ADDED_TO_THE_RESIDUAL else array
        for name, array in arrays.items()
    }


def _check(config: NetworkConfig, start: NetworkConfig) -> None:
    expected, found = asdict(config), asdict(start)
    growing = GROWING if isinstance(config, type(start)) and isinstance(config, BoardConfig) else ()
    for name in (expected.keys() | found.keys()) - {"mate_range"}:  # it is no shape
        wanted, given = expected.get(name), found.get(name)
        grown = name in growing and given is not None and wanted is not None and given < wanted
        if wanted != given and not grown:
            raise InputError(
                f"expected a network to start from with {name} = {wanted}, found {given}; "
                "train with the shape of that network, or with more layers than it has"
            )
