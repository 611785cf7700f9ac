"""Values and the rules of chess -> a move.

`load_engine` is the way in; it is imported when it is first asked for, so that importing this
package stays light.
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
