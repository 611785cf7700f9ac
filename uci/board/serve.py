"""The server's socket and names, running it, and opening the browser."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable

import uvicorn

from data_pipeline.common.errors import ArgmaxError
from uci.board.guard import Guard

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8282


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: who connects before the server runs, waits. Port 0 means `USUAL_PORT`, so
    that a page finds its server again after a restart, or any free port if that is taken. Raises
    ArgmaxError if the port cannot be used."""
    if port == 0:
        try:
            return _listening(host, USUAL_PORT)
        except ArgmaxError:
            pass
    return _listening(host, port)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()  # several sockets can be bound to a port while none listens
    except (OSError, OverflowError) as error:
        bound.close()
        raise ArgmaxError(
            f"expected a free port at {host}, found that {port} cannot be used ({error}); "
            "give another --port, or none"
        ) from None
    return bound


def address_of(bound: socket.socket) -> tuple[str, int]:
    """The host, as in a URL, and the port."""
    host, port = bound.getsockname()[:2]
    return (f"[{host}]" if ":" in host else host), port


def names_of(bound: socket.socket, also: tuple[str, ...] = ()) -> list[str]:
    """Allowed values of a request's Host: the address, localhost, and names given by the user."""
    host, port = address_of(bound)
    return [f"{name}:{port}" for name in (host, "localhost", LOOPBACK, "[::1]", *also)]


def serve(app: Guard, bound: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve until interrupted."""

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_start()

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1
    )
    Server(config).run(sockets=[bound])


def open_browser(address: str) -> bool:
    """Open the address in a browser if there is a display."""
    seen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return seen and webbrowser.open(address)
