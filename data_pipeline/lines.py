"""Plain lines that say how far long work is, where standard error is a file and no terminal."""

import time

from rich.console import Console

LINE_S = 30.0
"""The least time between two lines."""


class Lines:
    """Lines on ``console``, the first after `LINE_S`; none where it is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """A line, unless the last one was but a moment ago."""
        if not self._console.is_terminal and time.monotonic() - self._last > LINE_S:
            self._last = time.monotonic()
            self._console.print(text, highlight=False)
