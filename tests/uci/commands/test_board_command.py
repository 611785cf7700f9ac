"""`argmax board`: the port, the address, the browser, and a missing extra."""

import socket
import sys

import pytest

from tests.uci.board.test_api import fake_networks
from uci.board import networks, serve
from uci.board.guard import Guard
from uci.cli import main


@pytest.fixture
def started(monkeypatch) -> list[tuple[Guard, socket.socket]]:
    """What `argmax board` would serve; it returns as if it had been interrupted at once."""
    found = []

    def run(app, bound, on_start):
        on_start()
        found.append((app, bound.getsockname()))

    monkeypatch.setattr(networks, "open_networks", lambda paths: fake_networks())
    monkeypatch.setattr(serve, "serve", run)
    monkeypatch.setattr(serve.webbrowser, "open", lambda address: found.append(address) or True)
    return found


def test_it_prints_its_address_and_nothing_else_on_standard_output(started, capsys):
    assert main(["board", "--no-open"]) == 0
    printed = capsys.readouterr()
    ((_, (host, port)),) = started
    assert host == "127.0.0.1" and printed.out == f"http://127.0.0.1:{port}/\n"
    assert "Ctrl+C" in printed.err


def test_it_opens_a_browser_where_one_can_be_seen(started, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["board"]) == 0
    assert started[0].startswith("http://127.0.0.1:")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not serve.open_browser("http://127.0.0.1:1/")


def test_a_port_that_is_taken(started, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["board", "--no-open", "--port", str(port)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("argmax board: expected a free port") and said.count("\n") == 1
    assert main(["board", "--no-open", "--port", "99999"]) == 2


def test_the_usual_port_is_taken_where_it_is_free_and_another_where_not():
    with serve.listen("127.0.0.1", 0) as first, serve.listen("127.0.0.1", 0) as second:
        ports = {serve.address_of(one)[1] for one in (first, second)}
        assert len(ports) == 2 and 0 not in ports


def test_who_connects_before_the_server_runs_waits():
    with (
        serve.listen("127.0.0.1", 0) as bound,
        socket.create_connection(bound.getsockname(), timeout=5) as early,
    ):
        early.sendall(b"GET")
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.recv(3) == b"GET"


def test_a_missing_extra_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["board", "--no-open"]) == 1
    assert "extra 'board'" in capsys.readouterr().err


def test_names_of_a_server_hold_its_port():
    with serve.listen("127.0.0.1", 0) as bound:
        port = serve.address_of(bound)[1]
        assert set(serve.names_of(bound, ("chess.home",))) == {
            f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", "chess.home")
        }
