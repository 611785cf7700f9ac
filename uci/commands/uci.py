"""The UCI engine on standard input and output, for chess GUIs, match runners and bots."""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Args:
    """Options that are needed before the protocol starts."""

    network: Path | None = None
    """The network, until the UCI option Network names another one (default: the shipped one)."""


def parse_args(argv: list[str]) -> Args | None:
    """Parse common command lines without importing tyro, which takes time; None for all others."""
    match argv:
        case []:
            return Args()
        case ["--network", path]:
            return Args(Path(path))
    return None


def run(args: Args) -> int:
    """Answer commands until ``quit`` or the end of input."""
    from engine.networks import shipped_network
    from engine.play.strength import read_curve
    from uci.protocol.network_slot import load, prepare
    from uci.protocol.session import Session
    from uci.protocol.stdio import has_ended, serve, writer

    network = args.network or shipped_network()
    curve = read_curve(network)
    session = Session(
        writer(sys.stdout), load, network, prepare=prepare, elo_range=curve and curve.elo_range
    )
    stdin = sys.stdin.buffer
    serve(session, stdin.readline, ended=lambda: has_ended(stdin))
    # Python would wait for imports and compilation in other threads.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(0)
