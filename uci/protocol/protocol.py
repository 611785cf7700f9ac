"""The UCI protocol (April 2006): parsing commands and formatting answers, without I/O.

As the protocol says, any white space separates tokens, unknown tokens before a command are skipped
("joho debug on" is "debug on"), and unknown tokens within a command are ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from data_pipeline.common.plain_text import shorten


class Bare(Enum):
    """Commands of one word."""

    UCI = "uci"
    IS_READY = "isready"
    NEW_GAME = "ucinewgame"
    STOP = "stop"
    PONDER_HIT = "ponderhit"
    QUIT = "quit"


@dataclass(frozen=True)
class Debug:
    """``debug on|off``."""

    on: bool


@dataclass(frozen=True)
class SetOption:
    """``setoption name NAME [value VALUE]``."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Position:
    """``position startpos|fen FEN [moves ...]``; ``fen`` is None for the start position."""

    fen: str | None
    moves: tuple[str, ...] = ()


@dataclass(frozen=True)
class Go:
    """``go ...``; times in milliseconds. ``ignored``: parameters without a valid number."""

    searchmoves: tuple[str, ...] = ()
    numbers: dict[str, int] = field(default_factory=dict)
    ponder: bool = False
    infinite: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def is_held(self) -> bool:
        """Whether bestmove has to wait for ``stop`` or ``ponderhit``."""
        return self.ponder or self.infinite


@dataclass(frozen=True)
class Invalid:
    """A malformed command, and what was expected instead.

    ``command``: its first word.
    """

    problem: str
    command: str = ""


@dataclass(frozen=True)
class Unknown:
    """A line without any command of the protocol."""

    line: str


Command = Bare | Debug | SetOption | Position | Go | Invalid | Unknown

GO_CLOCK = frozenset({"wtime", "btime", "winc", "binc", "movestogo"})
GO_NUMBERS = GO_CLOCK | {"depth", "nodes", "mate", "movetime", "perft"}
GO_FLAGS = frozenset({"ponder", "infinite"})
GO_WORDS = GO_NUMBERS | GO_FLAGS | {"searchmoves"}
BARE_WORDS = {command.value: command for command in Bare}


def parse(line: str) -> Command | None:
    """The command in a line of input; None for a blank line. Never raises."""
    tokens = line.split()
    for i, token in enumerate(tokens):
        if token in BARE_WORDS:
            return BARE_WORDS[token]
        if token in _PARSERS:
            return _PARSERS[token](tokens[i + 1 :])
    return Unknown(shorten(" ".join(tokens))) if tokens else None


def _invalid(expected: str, tokens: list[str]) -> Invalid:
    return Invalid(f"expected {expected}, found '{shorten(' '.join(tokens))}'", tokens[0])


def _parse_debug(tokens: list[str]) -> Command:
    """The protocol has only ``on`` and ``off``."""
    if tokens[:1] in (["on"], ["off"]):
        return Debug(tokens[0] == "on")
    return _invalid("debug on or debug off", ["debug", *tokens])


def _parse_setoption(tokens: list[str]) -> Command:
    """Names and values may contain spaces; the name ends at the first ``value``."""
    if tokens[:1] != ["name"]:
        return _invalid("setoption name NAME [value VALUE]", ["setoption", *tokens])
    end = tokens.index("value") if "value" in tokens else len(tokens)
    value = " ".join(tokens[end + 1 :]) if end < len(tokens) else None
    return SetOption(" ".join(tokens[1:end]), value)


def _parse_position(tokens: list[str]) -> Command:
    end = tokens.index("moves") if "moves" in tokens else len(tokens)
    kind, fen, moves = tokens[:1], " ".join(tokens[1:end]), tuple(tokens[end + 1 :])
    if kind == ["startpos"]:
        return Position(None, moves)
    if kind == ["fen"] and fen:
        return Position(fen, moves)
    return _invalid("position startpos or position fen FEN", ["position", *tokens])


def _parse_go(tokens: list[str]) -> Command:
    rest = iter(tokens)
    searchmoves: list[str] = []
    numbers: dict[str, int] = {}
    flags, ignored = set(), []
    in_searchmoves = False
    for token in rest:
        if token in GO_NUMBERS:
            number = _integer(rest)
            if isinstance(number, int):
                numbers[token] = number
            else:
                ignored.append(shorten(f"{token} {number}".strip()))
        elif token in GO_FLAGS:
            flags.add(token)
        elif in_searchmoves and token not in GO_WORDS:
            searchmoves.append(token)
            continue
        in_searchmoves = token == "searchmoves"
    return Go(tuple(searchmoves), numbers, "ponder" in flags, "infinite" in flags, tuple(ignored))


def _integer(tokens: Iterator[str]) -> int | str:
    """The next token as an integer, or as text if it is not one."""
    token = next(tokens, "")
    try:
        return int(token)
    except ValueError:
        return token


_PARSERS = {
    "debug": _parse_debug,
    "setoption": _parse_setoption,
    "position": _parse_position,
    "go": _parse_go,
}


def render_info(fields: dict[str, object]) -> str:
    """``info`` with its fields in the order given: ``{"depth": 1, "pv": "e2e4"}``."""
    return " ".join(["info", *(f"{name} {value}" for name, value in fields.items())])


def render_string(text: str) -> str:
    """``info string ...``: always one line."""
    return f"info string {' '.join(text.split())}"


def render_bestmove(move: str | None, ponder: str | None = None) -> str:
    """``bestmove ...``, with ``(none)`` if there is no move."""
    return f"bestmove {move or '(none)'}" + (f" ponder {ponder}" if ponder else "")


def render_option(
    name: str, kind: str, default: object = None, limits: tuple[int, int] | None = None
) -> str:
    """An ``option`` line; ``limits`` are min and max."""
    parts = ["option name", name, "type", kind]
    if default is not None:
        shown = str(default).lower() if isinstance(default, bool) else default
        parts += ["default", str(shown) if shown != "" else "<empty>"]
    if limits:
        parts += ["min", str(limits[0]), "max", str(limits[1])]
    return " ".join(parts)
