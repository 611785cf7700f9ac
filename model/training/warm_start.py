"""The first weights of a training: drawn at random, or those of a network that is trained on.

A network may be trained on as one with more layers than it has, with wider ones, or with moves that
see what comes after them: what is new comes last and adds nothing at first, so that what was
learned is all there in the first step (as in Chen et al. 2016, *Net2Net*). It may also be given
other bins, or a mate range: each new bin starts with its share of the old one that covers its
value.

Tokens that are wider have zeros in what is new: nothing writes there yet, but all that reads there
does so with random weights, so that what to write can be learned from the first step on. In wider
hidden layers, and in new heads, it is the other way round.
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
"""What may be more than the network has; of the architecture `board`."""
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
"""Matrices whose product is added to something: zeros, where they are new."""
_TOKEN_MAPS = ("move_source", "move_target", "move_board", *LOOSE_MAPS)
"""Matrices from tokens to tokens."""
_BIN_MATRICES = ("move_head_out", "state_head_out")
_BIN_BIASES = ("move_head_bias", "state_head_bias")
"""What gives the logits of the bins, one column or number each."""


def first_params(config: NetworkConfig, seed: int, start: Network | None) -> Params:
    """Parameters before the first step, float32; the same for the same arguments.

    Raises InputError if ``start`` is of another shape, beyond having fewer layers and other bins.
    """
    params = init_params(config, seed)
    if start is None:
        return params
    _check(config, start.config)
    learned = _rebinned(start, ValueBins(config.bins, config.mate_range))
    # A norm divides by the mean square of a token, in which there are now more zeros.
    norms = np.float32((start.config.width / config.width) ** 0.5)
    return {
        module: {
            name: _grown(name, array, learned.get(module, {}).get(name), norms)
            for name, array in arrays.items()
        }
        for module, arrays in params.items()
    }


def _rebinned(start: Network, bins: ValueBins) -> Params:
    """The network's parameters for other bins, each with an even share of the old one's mass."""
    if bins == start.bins:
        return start.params
    olds = start.bins.bin_of(bins.bin_value_in(bins.centres, start.bins))
    shares = np.bincount(olds, minlength=start.bins.count)
    if not shares.all():
        raise InputError(
            f"expected bins no wider than the {start.bins.count} of the network to start from, "
            f"found {bins.count} with mate_range = {bins.mate_range}; take more"
        )
    heads = dict(start.params["~"])
    for name in _BIN_MATRICES:
        heads[name] = heads[name][:, olds]
    for name in _BIN_BIASES:
        heads[name] = heads[name][olds] - np.log(shares[olds]).astype(np.float32)
    return {**start.params, "~": heads}


def _grown(
    name: str, array: np.ndarray, learned: np.ndarray | None, norms: np.float32
) -> np.ndarray:
    """What was learned, with what is new in it such that it changes nothing yet; or a new array,
    such that its layer adds nothing to its input."""
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
