"""Move values and the rules of chess -> a move.

`load_engine` is the entry point. It is imported on first use, so that importing this package is
fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.play.loading import load_engine as load_engine

__all__ = ["load_engine"]


def __getattr__(name: str) -> Any:
    if name == "load_engine":
        from engine.play.loading import load_engine

        return load_engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
