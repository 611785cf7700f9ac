"""A board server in this process, and tabs of Chromium."""

import socket
import threading
from collections.abc import Iterator

import chess
import pytest
import uvicorn

from engine.play.engine import SearchlessEngine
from engine.play.strength import StrengthCurve
from tests.helpers.fakes import ValuesPredictor
from tests.uci.board.test_api import even_attention
from uci.board.app import make_app
from uci.board.networks import BoardNetwork
from uci.board.serve import address_of, listen, names_of

FAVOURITES = ("e7e5", "d8h4", "e2e4", "g1f3")
SLOW_MS = 20_000  # a busy machine takes its time


def favourites_first(board: chess.Board, move: chess.Move) -> float:
    """Some moves are dear to it, so that games are known beforehand: 1. f3 e5 2. g4 Qh4#."""
    uci = move.uci()
    liked = 0.3 - 0.03 * FAVOURITES.index(uci) if uci in FAVOURITES else 0.0
    return 0.4 + liked + 0.001 * (move.to_square % 8)


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BoardServer:
    """The server on one port; it can be stopped and started again."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    def start(self) -> None:
        bound = listen("127.0.0.1", self._port or free_port())
        host, self._port = address_of(bound)
        self.address = f"http://{host}:{self._port}"
        engine = SearchlessEngine(ValuesPredictor(favourites_first))
        curve = StrengthCurve((0.0, 0.3), (1500.0, 300.0))
        networks = {"fake": BoardNetwork("fake", engine, curve, even_attention)}
        app = make_app(networks, names_of(bound), seed=1)
        config = uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([bound],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="module")
def server() -> Iterator[BoardServer]:
    server = BoardServer()
    yield server
    server.stop()


@pytest.fixture
def tabs(browser, server):
    """Opens tabs of one window; at the end, nothing may have gone wrong in any of them, and nobody
    else may have been asked for anything."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(SLOW_MS)
    quick = "localStorage['argmax.play'] ??= '{\"delay\": false}'"
    context.add_init_script(quick)

    def open_tab(path: str = "/", mode: str = "#play"):
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: line.type == "error" and faults.append(line.text))
        page.on(
            "request",
            lambda request: (
                request.url.startswith((server.address, "data:", "blob:"))
                or faults.append(f"asked {request.url}")
            ),
        )
        page.goto(server.address + path + mode)
        page.locator("body[data-ready]").wait_for()
        return page

    open_tab.faults = faults  # type: ignore[attr-defined]
    yield open_tab
    context.close()
    assert not faults
