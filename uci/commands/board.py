"""The board in the browser: play, look inside the network, review games.

A local server on 127.0.0.1; nothing leaves this machine. Ends with Ctrl+C.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import Range


@dataclass(frozen=True)
class Args:
    port: Annotated[int, Range(0, 65_535)] = 0
    """The port; 0 means 8282, or any free one if that is taken."""
    host: str = "127.0.0.1"
    """The address to listen on; with another one than 127.0.0.1, other machines can connect."""
    name: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """An additional host name of the server; may be repeated."""
    network: tyro.conf.UseAppendAction[tuple[Path, ...]] = ()
    """A network (default: the shipped one); may be repeated, to choose from on the page."""
    open: bool = True
    """Open the browser; --no-open only prints the address."""


def run(args: Args) -> int:
    """Load the networks and serve."""
    import uvicorn  # noqa: F401 - before loading networks, to report a missing extra at once

    from data_pipeline.common.terminal import PlainConsole
    from engine.networks import shipped_network
    from uci.board.app import make_app
    from uci.board.networks import open_networks
    from uci.board.serve import address_of, listen, names_of, open_browser, serve

    with listen(args.host, args.port) as bound:
        messages = PlainConsole(stderr=True)
        with messages.status("Loading the network..."):
            networks = open_networks(args.network or (shipped_network(),))
        host, port = address_of(bound)
        address = f"http://{host}:{port}/"

        def on_start() -> None:
            say(address, flush=True)
            shown = args.open and open_browser(address)
            state = "opened in your browser" if shown else "open it in your browser"
            say(f"Argmax's board is at {address} ({state}); Ctrl+C ends it.", file=sys.stderr)

        serve(make_app(networks, names_of(bound, args.name)), bound, on_start)
    return 0
