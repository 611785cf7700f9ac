"""Standard input and output as a UCI session needs them: bounded lines in, whole lines out."""

from collections.abc import Callable, Iterator
from typing import TextIO

from data_pipeline.common.plain_text import one_line
from uci.protocol.protocol import Bare, Invalid, parse
from uci.protocol.session import Session

LINE_LIMIT = 1 << 20  # bytes; a game of 6,000 moves has 30,000


def read_lines(read: Callable[[int], bytes], limit: int) -> Iterator[str | None]:
    """Lines from ``read(n)``, which returns at most n bytes up to and with the next line end.

    Bytes that are not UTF-8 are replaced. A line of more than ``limit`` bytes comes out as None.
    """
    overlong = False
    while chunk := read(limit + 1):
        whole = chunk.endswith(b"\n") or len(chunk) <= limit
        if whole and not overlong:
            yield chunk.decode("utf-8", "replace")
        elif whole:
            yield None
        overlong = not whole


def serve(session: Session, read: Callable[[int], bytes], limit: int = LINE_LIMIT) -> bool:
    """Handle commands until ``quit`` or the end of input; returns whether the worker is at rest."""
    for line in read_lines(read, limit):
        command = parse(line) if line is not None else Invalid(f"a line of over {limit} bytes")
        if command is Bare.QUIT:
            session.handle(Bare.STOP)
            break
        session.handle(command)
    return session.finish()


def writer(stream: TextIO) -> Callable[[str], None]:
    """Writes lines to ``stream`` at once; a GUI that has gone away is no news.

    What a network's name or a GUI's own command brings in cannot break a line or hold escapes.
    """

    def write(line: str) -> None:
        try:
            stream.write(one_line(line) + "\n")
            stream.flush()
        except (BrokenPipeError, ValueError):
            pass

    return write
