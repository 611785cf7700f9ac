"""The optimizer: Muon for the layers' matrices and AdamW for the rest, or AdamW for all."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax import contrib

from model.config import OptimizerConfig

Progress = jax.Array | np.ndarray
"""[]: how far the training has come, in steps or in seconds."""
MakeOptimizer = Callable[[Progress], optax.GradientTransformation]
"""Progress -> the optimizer with the learning rate at that point of the training."""

_LAYER_MATRICES = ("query", "key", "value", "output", "feed_forward_in", "feed_forward_out")


def make_optimizer(
    config: OptimizerConfig, length: float, progress: Progress
) -> optax.GradientTransformation:
    """Muon for the layers' matrices and AdamW for the rest, or AdamW for all.

    The learning rate is that at ``progress`` in a training of ``length``, both in steps or both in
    seconds. Muon (Jordan et al. 2024) updates a matrix by its orthogonalized momentum. Matrices of
    the same shape are stacked, so that Muon runs a few large products instead of many small ones.
    """

    def rate(peak: float) -> optax.Schedule:
        return lambda _: schedule(config, peak, length)(progress)

    if config.kind == "muon":
        update = contrib.muon(
            rate(config.muon_learning_rate),
            adam_learning_rate=rate(config.adam_learning_rate),
            adam_b2=config.adam_b2,
            weight_decay=config.weight_decay,
            adam_weight_decay=config.weight_decay,
            muon_weight_dimension_numbers=_dimension_numbers,
        )
        update = _stacked(update)
    else:
        update = optax.adamw(
            rate(config.adam_learning_rate), b2=config.adam_b2, weight_decay=config.weight_decay
        )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), update)


def schedule(config: OptimizerConfig, peak: float, length: float) -> optax.Schedule:
    """Progress -> learning rate: constant, or a linear warm-up and cosine decay over ``length``."""
    if config.schedule == "constant":
        return optax.constant_schedule(peak)
    warmup = max(1, round(length * config.warmup_share))
    return optax.warmup_cosine_decay_schedule(
        0.0, peak, warmup, max(round(length), warmup + 1), peak * config.final_share
    )


def _stacked(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """``optimizer`` applied to trees ``{"stacks": {shape: [N, D, F]}, "rest": {name: array}}``."""

    def init(params: Any) -> optax.OptState:
        return optimizer.init(_stack(params))

    def update(updates: Any, state: optax.OptState, params: Any = None) -> tuple[Any, Any]:
        stacked, state = optimizer.update(_stack(updates), state, _stack(params))
        return _unstack(stacked, updates), state

    return optax.GradientTransformation(init, update)


def _stack(params: Any) -> dict[str, dict[str, jax.Array]]:
    groups = _groups(params)
    stacks = {
        shape: jnp.stack([params[module][name] for module, name in group])
        for shape, group in groups.items()
    }
    stacked = {key for group in groups.values() for key in group}
    rest = {
        f"{module}//{name}": array
        for module, arrays in params.items()
        for name, array in arrays.items()
        if (module, name) not in stacked
    }
    return {"stacks": stacks, "rest": rest}


def _unstack(stacked: Any, like: Any) -> Any:
    """The inverse of `_stack`, for a tree with the names and shapes of ``like``."""
    of_stacks = {
        key: array
        for shape, group in _groups(like).items()
        for key, array in zip(group, stacked["stacks"][shape], strict=True)
    }
    return {
        module: {
            name: of_stacks[module, name]
            if (module, name) in of_stacks
            else stacked["rest"][f"{module}//{name}"]
            for name in arrays
        }
        for module, arrays in like.items()
    }


def _groups(params: Any) -> dict[str, list[tuple[str, str]]]:
    """Shape -> (module, name) of the matrices for Muon: those of the layers, in either
    architecture."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for module, arrays in params.items():
        for name, array in arrays.items():
            if name in _LAYER_MATRICES or (name == "w" and "b" not in arrays):
                groups.setdefault("x".join(map(str, array.shape)), []).append((module, name))
    return groups


def _dimension_numbers(params: Any) -> Any:
    """Tells optax to use Muon for the stacks and AdamW for the rest."""
    matrices = contrib.MuonDimensionNumbers(1, 2)
    return {
        "stacks": dict.fromkeys(params["stacks"], matrices),
        "rest": dict.fromkeys(params["rest"]),
    }
