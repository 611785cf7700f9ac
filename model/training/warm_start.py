"""Initial weights of a training: random, or those of a network that is trained further.

The new network may have more or wider layers than the old one, or afterstates: new layers and new
units come last and contribute nothing at first, so that the new network computes the same function
as the old one (as in Chen et al. 2016, *Net2Net*). It may also have other bins or another mate
range: each new bin starts with an even share of the old bin that contains its value.

In wider tokens, the new units start at zero: weights into them are zero, weights out of them are
random, so that the gradient of the former is not zero. In wider hidden layers and new heads it is
the other way round.
"""

from dataclasses import asdict

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import ValueBins
from model.config import NetworkConfig
from model.network.architecture import init_params
from model.network.board_transformer import LOOSE_MAPS
from model.network.network_file import Network, Params

GROWING = (
    "layers",
    "decoder_layers",
    "afterstates",
    "width",
    "heads",
    "widening",
    "output_hidden_width",
)
"""Fields that may be larger than in the old network; only in the architecture `board`."""
_READERS = (
    "query",
    "key",
    "value",
    "feed_forward_in",
    "move_head_in",
    "state_head_in",
)
"""Matrices from tokens to hidden layers."""
_IDLE = ("output", "feed_forward_out", *LOOSE_MAPS)
"""Matrices whose output is added to the tokens; new ones start at zero."""
_TOKEN_MAPS = ("move_source", "move_target", "move_board", *LOOSE_MAPS)
"""Matrices from tokens to tokens."""
_BIN_MATRICES = ("move_head_out", "state_head_out")
_BIN_BIASES = ("move_head_bias", "state_head_bias")
"""Parameters with one column or one element for each bin."""


def first_params(config: NetworkConfig, seed: int, start: Network | None) -> Params:
    """Initial parameters, float32; a function of the arguments alone.

    Raises InputError if the shape of ``start`` is not one that can be grown to ``config``.
    """
    if start is None:
        return init_params(config, seed)
    _check(config, start.config)
    if config == start.config:
        return {module: {n: a.copy() for n, a in of.items()} for module, of in start.params.items()}
    learned = _rebinned(start, ValueBins(config.bins, config.mate_range))
    params = init_params(config, seed)
    # RMSNorm divides by the root of a token's mean square, which the new zeros make smaller.
    norms = np.float32((start.config.width / config.width) ** 0.5)
    return {
        module: {
            name: _grown(name, array, learned.get(module, {}).get(name), norms)
            for name, array in arrays.items()
        }
        for module, arrays in params.items()
    }


def _rebinned(start: Network, bins: ValueBins) -> Params:
    """The network's parameters for other bins, each with an even share of its old bin's mass."""
    if bins == start.bins:
        return start.params
    old_bins = start.bins.bin_of(bins.bin_value_in(bins.centres, start.bins))
    shares = np.bincount(old_bins, minlength=start.bins.count)
    if not shares.all():
        raise InputError(
            f"expected bins no wider than the {start.bins.count} of the network to start from, "
            f"found {bins.count} with mate_range = {bins.mate_range}; take more"
        )
    heads = dict(start.params["~"])
    for name in _BIN_MATRICES:
        heads[name] = heads[name][:, old_bins]
    for name in _BIN_BIASES:
        heads[name] = heads[name][old_bins] - np.log(shares[old_bins]).astype(np.float32)
    return {**start.params, "~": heads}


def _grown(
    name: str, array: np.ndarray, learned: np.ndarray | None, norms: np.float32
) -> np.ndarray:
    """The learned parameter, grown to the shape of ``array`` without changing the network's
    outputs; or, if there is none, a new parameter whose layer adds nothing to its input."""
    if learned is None:
        return np.zeros_like(array) if name in _IDLE else array
    if name == "scale":
        learned = learned * norms
    old = tuple(slice(size) for size in learned.shape)
    grown = np.zeros_like(array)
    if name in (*_READERS, "weights", "scale"):
        grown = array.copy()
    elif name in _TOKEN_MAPS:
        grown[:, old[1]] = array[:, old[1]]
    grown[old] = learned
    return grown


def _check(config: NetworkConfig, start: NetworkConfig) -> None:
    expected, found = asdict(config), asdict(start)
    growing = GROWING if config.architecture == start.architecture == "board" else ()
    rebinned = {"bins", "mate_range"} if growing else set()
    for name in (expected.keys() | found.keys()) - rebinned:
        wanted, given = expected.get(name), found.get(name)
        grown = name in growing and given is not None and wanted is not None and given < wanted
        if wanted != given and not grown:
            raise InputError(
                f"expected a network to start from with {name} = {wanted}, found {given}; "
                "train with the shape of that network, or with more or wider layers than it has, "
                "or with afterstates"
            )
    if growing and config.width // config.heads != start.width // start.heads:
        raise InputError(
            "expected heads of the width of those of the network to start from, "
            f"{start.width // start.heads}, found {config.width // config.heads}; set "
            "network.heads with network.width"
        )
