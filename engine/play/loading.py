"""The one way from a network file to an engine that plays."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.common.errors import InputError
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

    ``warm``: compile now what a game needs, instead of at the first move.
    Raises InputError where the file is not a network.
    """
    from engine.play.engine import SearchlessEngine

    predictor = load_predictor(path, warm=warm)
    return SearchlessEngine(predictor, rules, choice, tablebase, seed)


def load_predictor(path: str | Path | None = None, *, warm: bool = False) -> "Predictor":
    """The network of a file (default: the shipped one), ready to give values.

    ``warm``: compile now what a game needs, instead of at the first move.
    Raises InputError where the file is not a network.
    """
    path = Path(path or shipped_network())
    if path.exists() and not path.is_file():  # a pipe or a device would be waited for
        raise InputError(f"expected a network file, found '{path}', which is no regular file")
    keep_compiled()
    from model.inference.predictor import Predictor
    from model.network.network_file import load_network

    predictor = Predictor(load_network(path))
    if warm:
        predictor.warm_up()
    return predictor


def compilation_cache() -> Path:
    """Where compiled functions are kept between processes."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "argmax" / "jax"


def keep_compiled() -> None:
    """Let JAX keep what it compiles, unless the caller has already given it a place for that."""
    import jax

    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(compilation_cache()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
