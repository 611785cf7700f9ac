"""A UCI session in this process, with a stand-in for the network: say lines, wait for answers."""

from collections.abc import Callable
from pathlib import Path

from data_pipeline.common.errors import InputError
from engine.play.strength import StrengthCurve
from tests.helpers.conversation import Conversation
from tests.helpers.fakes import FakePredictor
from uci.protocol.protocol import parse
from uci.protocol.session import Session
from uci.protocol.think import Loaded

CURVE = StrengthCurve((0.0, 0.1, 0.3), (1500.0, 1200.0, 800.0))


def load_fake(path: Path) -> Loaded:
    """A network for every file name but those with 'broken' in them."""
    if "broken" in path.name:
        raise InputError(f"expected a network file, found something else in {path}")
    return Loaded(FakePredictor(), CURVE)


class Dialogue(Conversation):
    """The session, as a context manager."""

    patience_seconds = 20

    def __init__(self, load: Callable[[Path], Loaded] = load_fake) -> None:
        super().__init__()
        self.session = Session(
            self._lines.put, load, Path("default.net"), elo_range=CURVE.elo_range
        )

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.finish()

    def say(self, *lines: str) -> None:
        for line in lines:
            self.session.handle(parse(line))

    def rest(self) -> list[str]:
        """All answers that are still owed; the session is over."""
        self.session.finish()
        lines = []
        while not self._lines.empty():
            lines.append(self._lines.get())
        return lines
