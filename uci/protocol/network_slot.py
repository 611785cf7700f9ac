"""Getting a network ready to play: imports, loading, and what to do on errors."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from data_pipeline.common.errors import ArgmaxError, InputError
from uci.protocol.options import Options

if TYPE_CHECKING:
    from uci.protocol.think import Loaded


def prepare() -> None:
    """Import what plays, so that the first move does not have to."""
    import uci.protocol.think  # noqa: F401
    from model.inference.board_predictor import limit_threads

    limit_threads(Options().threads)


def load(path: Path) -> "Loaded":
    """Load a network, ready to play. Raises ArgmaxError or OSError."""
    from engine.play.loading import load_predictor
    from engine.play.strength import curve_of
    from uci.protocol.think import Loaded

    predictor = load_predictor(path, warm=1)
    return Loaded(predictor, curve_of(predictor.network.training))


class Submit(Protocol):
    """Submits a call to the worker thread."""

    def __call__(self, call: Callable, /, *args: object) -> Future: ...


class NetworkSlot:
    """The current network: loaded on the worker thread, and kept if the next one fails to load."""

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
        self._loaded: Loaded | None = None  # used on the worker only
        self._settled: str | None = None  # used on the worker only: the path that gave `_loaded`

    def choose(self, path: str) -> None:
        """Use another file from the next `get` on; an empty path means the default."""
        self._path = path or self._default
        self._future = None

    def get(self) -> "Future[Loaded]":
        """The network, which may still be loading. Only for the thread that reads commands."""
        failed = self._future and self._future.done() and self._future.exception()
        if self._future is None or failed:
            self._future = self._submit(self._load_or_keep, self._path)
        return self._future

    def load_early(self) -> None:
        """On the worker: load the current choice now, so that the first `get` need not wait."""
        with contextlib.suppress(Exception):  # reported, and again by `get`
            self._load_or_keep(self._path)

    def _load_or_keep(self, path: str) -> "Loaded":
        """Load a file; if that fails, report it and keep the previous network, or load the
        default."""
        if self._loaded is None or self._settled != path:
            self._loaded = self._load(path) or self._loaded
            if self._loaded is None and path != self._default:
                self._loaded = self._load(self._default)
            if self._loaded is None:
                raise InputError(f"expected a network that can be loaded, found none in '{path}'")
            self._settled = path
        return self._loaded

    def _load(self, path: str) -> "Loaded | None":
        """The network of a file; None, after reporting the reason, if it cannot be loaded."""
        try:
            return self._load_file(Path(path))
        except Exception as error:  # of any kind, since a game may be running
            kept = "; the one loaded before stays in use" if self._loaded else ""
            self._tell(f"Network: {describe(error)}{kept}")
        return None


def describe(error: Exception) -> str:
    """An error as text for ``info string``, with its type if it is unexpected."""
    foreseen = isinstance(error, (ArgmaxError, OSError))
    return str(error) if foreseen else f"{type(error).__name__}: {error}"
