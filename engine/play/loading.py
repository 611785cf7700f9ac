"""From a network file to an engine."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.networks import shipped_network

if TYPE_CHECKING:
    from engine.play.engine import Oracle, RuleSet, SearchlessEngine
    from engine.play.move_choice import Choice
    from model.inference.predictor import Predictor


def load_engine(
    path: str | Path | None = None,
    *,
    rules: "RuleSet" = True,
    choice: "Choice | None" = None,
    tablebase: "Oracle | None" = None,
    seed: int | Sequence[int] = 0,
    warm: bool = False,
) -> "SearchlessEngine":
    """The engine of a network file (default: the shipped one); see `SearchlessEngine`.

    ``warm``: compile the passes of a game now, not at the first move.
    Raises NetworkFileError if the file is not a network.
    """
    from engine.play.engine import SearchlessEngine

    predictor = load_predictor(path, warm=warm)
    return SearchlessEngine(predictor, rules, choice, tablebase, seed)


def load_predictor(path: str | Path | None = None, *, warm: bool = False) -> "Predictor":
    """The predictor of a network file (default: the shipped network).

    ``warm``: compile the passes of a game now, not at the first move.
    Raises NetworkFileError if the file is not a network.
    """
    path = Path(path or shipped_network())
    from model.inference.predictor import Predictor
    from model.network.network_file import check_shapes, read_network

    network = read_network(path)
    predictor = Predictor(network, compiled=compiled_passes())
    if not predictor.compiled_before:
        check_shapes(network, path)
    if warm:
        predictor.warm_up()
    return predictor


def compiled_passes() -> Path:
    """The folder of the cache of compiled passes."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "argmax" / "passes"
