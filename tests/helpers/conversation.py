"""Talking with an engine: say lines, wait for answers."""

import queue
from abc import ABC, abstractmethod


class Conversation(ABC):
    """``say`` never waits; ``until`` collects lines up to one that starts as asked."""

    patience_seconds: float
    """How long `until` waits for a line before it raises queue.Empty."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    @abstractmethod
    def say(self, *lines: str) -> None:
        """Commands, one a line."""

    def until(self, start: str) -> list[str]:
        """The lines up to and with the first that starts with ``start``."""
        lines = []
        while not lines or not lines[-1].startswith(start):
            lines.append(self._lines.get(timeout=self.patience_seconds))
        return lines

    def ask(self, *lines: str, answer: str = "bestmove") -> list[str]:
        """`say`, then `until`."""
        self.say(*lines)
        return self.until(answer)
