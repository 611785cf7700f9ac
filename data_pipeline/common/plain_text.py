"""Text from files, networks and other programs, made safe to show on a terminal.

A name in a PGN or a network can contain escape sequences that colour, move or rewrite the screen.
`clean` replaces them. `say` prints cleaned text, and the consoles of
`data_pipeline.common.terminal` clean theirs in the same way. Commands print only through these (a
test checks that).
"""

import sys

from data_pipeline.common.errors import InputError

TYPE_CHECKING = False  # as `typing` has it, which takes long to import
if TYPE_CHECKING:
    from typing import TextIO

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
QUOTED = 120

# Control characters (C0 except tab and line feed, delete, C1), marks that change the direction of
# text, line and paragraph separators, byte order mark, lone surrogates.
# A table rather than a pattern, since `re` takes longer to import than all else of 'argmax --help'.
_UNSAFE = dict.fromkeys(
    [
        *(*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F),
        *(*range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF, *range(0xD800, 0xE000)),
    ],
    REPLACEMENT,
)


def clean(text: str) -> str:
    """``text`` with unsafe characters replaced."""
    return text.translate(_UNSAFE)


def one_line(text: str) -> str:
    """``text`` cleaned, with line feeds and tabs replaced by spaces."""
    return clean(text).replace("\n", " ").replace("\t", " ")


def shorten(text: str) -> str:
    """Text to quote in a message: at most QUOTED characters of it."""
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def say(*parts: object, file: "TextIO | None" = None, flush: bool = False) -> None:
    """`print` for text that may come from others."""
    text = " ".join(map(str, parts))
    print(clean(text), file=sys.stdout if file is None else file, flush=flush)


def shell_words(text: str, what: str) -> list[str]:
    """``text`` split into words as by a shell. Raises InputError for an unclosed quotation."""
    import shlex  # not at the top: 'argmax --help' starts faster without it

    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"expected {what} as words of a shell, found {text!r}: {error}") from None
