"""Text from files, networks and other programs, made safe to show on a terminal.

A name in a PGN or a network may hold escape sequences that colour, move or rewrite what is on the
screen. `clean` takes their power away; `say` prints cleaned text, and the consoles of
`data_pipeline.common.terminal` clean theirs in the same way. No command prints except through these
(a test holds that).
"""

import re
import sys
from typing import TextIO

from data_pipeline.common.errors import InputError

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
QUOTED = 120

# Control characters (C0 without tab and line feed, delete, C1), marks that change the direction of
# text, line and paragraph separators, the byte order mark, and lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """``text`` with a replacement character for each that could do more than be shown."""
    return _UNSAFE.sub(REPLACEMENT, text)


def one_line(text: str) -> str:
    """``text`` cleaned, and on one line: line feeds and tabs become spaces."""
    return clean(text).replace("\n", " ").replace("\t", " ")


def shorten(text: str) -> str:
    """Text that is quoted in a message: at most QUOTED characters of it."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def say(*parts: object, file: TextIO | None = None, flush: bool = False) -> None:
    """`print` for text that may hold what somebody else wrote."""
    text = " ".join(map(str, parts))
    print(clean(text), file=sys.stdout if file is None else file, flush=flush)


def shell_words(text: str, what: str) -> list[str]:
    """``text`` cut into words as a shell does. Raises InputError for a quotation left open."""
    import shlex  # here, so that 'argmax --help' does without it

    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"expected {what} as words of a shell, found {text!r}: {error}") from None
