"""Tables on standard output."""

from rich.console import Console

WIDTH = 200
"""Characters a line of what goes to a file or a pipe, so that no table is cut off there."""


def report_console() -> Console:
    """Standard output, as wide as the terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
