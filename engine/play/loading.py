"""From a network file to an engine."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.common.errors import InputError
from engine.networks import shipped_network

if TYPE_CHECKING:
    from engine.play.engine import Oracle, RuleSet, SearchlessEngine
    from engine.play.move_choice import Choice
    from model.inference.board_predictor import BoardPredictor
    from model.inference.predictor import Predictor
    from model.network.network_file import Network


def load_engine(
    path: str | Path | None = None,
    *,
    rules: "RuleSet" = True,
    choice: "Choice | None" = None,
    tablebase: "Oracle | None" = None,
    seed: int | Sequence[int] = 0,
    warm: int = 0,
) -> "SearchlessEngine":
    """The engine of a network file (default: the shipped one); see `SearchlessEngine`.

    ``warm``: if its passes have to be compiled, do it now, for up to so many positions at once, not
    at the first move.
    Raises NetworkFileError if the file is not a network.
    """
    from engine.play.engine import SearchlessEngine

    predictor = load_predictor(path, warm=warm)
    return SearchlessEngine(predictor, rules, choice, tablebase, seed)


def load_predictor(
    path: str | Path | None = None, *, warm: int = 0
) -> "BoardPredictor | Predictor":
    """The predictor of a network file (default: the shipped network).

    ``warm``: if its passes have to be compiled, do it now, for up to so many positions at once, not
    at the first move.
    Raises NetworkFileError if the file is not a network.
    """
    path = Path(path or shipped_network())
    from model.network.network_file import NetworkFileError, check_shapes, read_network

    network = read_network(path)
    if not plays_without_jax(network):
        if find_spec("jax") is None:
            raise InputError(
                f"expected JAX, which the network {path} needs, found none; in Argmax's folder: "
                ".venv/bin/pip install -e '.[jax]'"
            )
        check_shapes(network, path)
    try:
        return predictor_of(network, warm=warm)
    except NetworkFileError as error:
        raise NetworkFileError(f"{error} in {path}") from None


def predictor_of(network: "Network", *, warm: int = 0) -> "BoardPredictor | Predictor":
    """The predictor that is fastest on this machine. ``warm``: see `load_predictor`."""
    if plays_without_jax(network):
        from model.inference.board_predictor import BoardPredictor

        return BoardPredictor(network)
    from model.inference.predictor import Predictor

    predictor = Predictor(network)
    if warm:
        predictor.warm_up(warm)
    return predictor


def plays_without_jax(network: "Network") -> bool:
    """Whether NumPy computes the network's passes: if it can, and JAX has only the CPU, too."""
    from model.inference.board_predictor import BoardPredictor

    accelerator = any(find_spec(plugin) for plugin in ("jax_plugins", "libtpu"))
    return BoardPredictor.computes(network.config) and not accelerator
