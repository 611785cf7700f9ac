"""Standard input and output as a UCI session needs them: bounded lines in, whole lines out."""

import os
import select
from collections.abc import Callable, Iterator
from typing import BinaryIO, TextIO

from data_pipeline.common.plain_text import one_line
from uci.protocol.protocol import Bare, Invalid, parse
from uci.protocol.session import Session

LINE_LIMIT = 1 << 20  # bytes; a game of 6,000 moves has 30,000
GRACE_SECONDS = 0.02  # how long a program may take to close the pipe after `quit`
SCRIPT_PATIENCE_SECONDS = 60.0


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


def serve(
    session: Session,
    read: Callable[[int], bytes],
    limit: int = LINE_LIMIT,
    ended: Callable[[], bool] = lambda: True,
) -> None:
    """Handle commands until ``quit`` or the end of input.

    The end of input waits for all answers. ``quit`` waits for none, except where the input has
    ``ended`` with it, so that a script piped in gets its last answer.
    """
    for line in read_lines(read, limit):
        # It may have been a position, so none is known now.
        overlong = Invalid(f"a line of over {limit} bytes", "position")
        command = parse(line) if line is not None else overlong
        if command is Bare.QUIT:
            session.quit(SCRIPT_PATIENCE_SECONDS if ended() else 0.0)
            return
        session.handle(command)
    session.finish()


def has_ended(stream: BinaryIO) -> bool:
    """Whether nothing more comes after what was read: the end of a file, or a closed pipe."""
    try:
        readable, _, _ = select.select([stream], [], [], GRACE_SECONDS)
        return bool(readable) and not os.read(stream.fileno(), 1)
    except (OSError, ValueError):  # Windows asks sockets only
        return False


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
