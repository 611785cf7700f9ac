"""Getting a network ready to play: imports, the file, compilation, and what if that fails."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from data_pipeline.common.errors import ArgmaxError

if TYPE_CHECKING:
    from uci.protocol.think import Loaded


def prepare() -> None:
    """Import JAX and the network's code, and let JAX keep what it compiles."""
    import model.inference.predictor  # noqa: F401
    import uci.protocol.think  # noqa: F401
    from engine.play.loading import keep_compiled

    keep_compiled()


def load(path: Path) -> "Loaded":
    """A network file, compiled and ready. Raises ArgmaxError or OSError."""
    from engine.play.loading import load_predictor
    from engine.play.strength import curve_of
    from uci.protocol.think import Loaded

    predictor = load_predictor(path, warm=True)
    return Loaded(predictor, curve_of(predictor.network.training))


class Submit(Protocol):
    """Hands a call to the worker thread."""

    def __call__(self, call: Callable, /, *args: object) -> Future: ...


class NetworkSlot:
    """The network in use: loaded on the worker when needed, kept if its successor is broken."""

    def __init__(
        self,
        submit: Submit,
        load_file: Callable[[Path], "Loaded"],
        tell: Callable[[str], None],
        default: str,
    ) -> None:
        self._submit = submit
        self._load_file = load_file
        self._tell = tell
        self._default = self._path = default
        self._future: Future[Loaded] | None = None
        self._loaded: Loaded | None = None  # the worker's

    def choose(self, path: str) -> None:
        """Use another file from the next `get` on; an empty path stands for the default."""
        self._path = path or self._default
        self._future = None

    def get(self) -> "Future[Loaded]":
        """The network, perhaps still loading. Call it on the reading thread only."""
        failed = self._future and self._future.done() and self._future.exception()
        if self._future is None or failed:
            self._future = self._submit(self._load_or_keep, self._path)
        return self._future

    def _load_or_keep(self, path: str) -> "Loaded":
        """Load a file; where that fails, say so and keep the last network or the default."""
        try:
            self._loaded = self._load_file(Path(path))
        except (ArgmaxError, OSError) as error:
            self._tell(f"Network: {error}")
            if self._loaded is None and path != self._default:
                self._loaded = self._load_file(Path(self._default))
            if self._loaded is None:
                raise
            self._tell("Network: the one loaded before stays in use")
        return self._loaded
