"""Standard input and output of a UCI session: lines of limited length in, whole lines out."""

import os
import select
from collections.abc import Callable, Iterator
from typing import BinaryIO, TextIO

from data_pipeline.common.plain_text import one_line
from uci.protocol.protocol import Bare, Invalid, parse
from uci.protocol.session import Session

LINE_LIMIT = 1 << 20  # bytes; a game of 6,000 moves has 30,000
GRACE_SECONDS = 0.02  # time for a program to close the pipe after `quit`
SCRIPT_PATIENCE_SECONDS = 60.0


def read_lines(read: Callable[[int], bytes], limit: int) -> Iterator[str | None]:
    """Lines from ``read(n)``, which returns at most n bytes, up to and including a line end.

    Bytes that are not UTF-8 are replaced. For a line of more than ``limit`` bytes, yields None.
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

    At the end of input this waits for all answers. ``quit`` does not wait, unless the input has
    ``ended`` there: then a script piped in gets its last answer.
    """
    for line in read_lines(read, limit):
        # It may have been a position, so the position is unknown from here on.
        overlong = Invalid(f"a line of over {limit} bytes", "position")
        command = parse(line) if line is not None else overlong
        if command is Bare.QUIT:
            session.quit(SCRIPT_PATIENCE_SECONDS if ended() else 0.0)
            return
        session.handle(command)
    session.finish()


def has_ended(stream: BinaryIO) -> bool:
    """Whether there is no more input: the end of a file, or a closed pipe."""
    try:
        readable, _, _ = select.select([stream], [], [], GRACE_SECONDS)
        return bool(readable) and not os.read(stream.fileno(), 1)
    except (OSError, ValueError):  # on Windows, select works for sockets only
        return False


def writer(stream: TextIO) -> Callable[[str], None]:
    """A function that writes lines to ``stream`` and flushes; a closed pipe is ignored.

    Line breaks and escape sequences from network names or commands are replaced.
    """

    def write(line: str) -> None:
        try:
            stream.write(one_line(line) + "\n")
            stream.flush()
        except (BrokenPipeError, ValueError):
            pass

    return write
