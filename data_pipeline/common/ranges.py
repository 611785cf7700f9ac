"""Which numbers a field takes: said in its type, checked in one place.

    steps: PositiveInt = 100
    temperature: Annotated[float, Range(0, 1)] = 0.5

A configuration checks its own fields with `check_ranges(self)` in ``__post_init__``. The command
line checks the options of every command in the same way.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from data_pipeline.common.errors import InputError


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``low`` to ``high``; ``open``: ``low`` itself is left out."""

    low: float = -math.inf
    high: float = math.inf
    open: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low < value if self.open else self.low <= value
        finite = isinstance(value, int) or math.isfinite(value)
        return finite and above and value <= self.high

    def __str__(self) -> str:
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        match math.isfinite(self.low), math.isfinite(self.high):
            case True, True:
                return f"above {low} and up to {high}" if self.open else f"of {low} to {high}"
            case True, False:
                return f"above {low}" if self.open else f"of at least {low}"
            case False, True:
                return f"of at most {high}"
        return "that is a finite number"


PositiveInt = Annotated[int, Range(1)]
NumGames = Annotated[int, Range(1, 10_000_000)]
"""Games that are planned before the first begins."""
NonNegativeInt = Annotated[int, Range(0)]
PositiveFloat = Annotated[float, Range(0, open=True)]
NonNegativeFloat = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
FiniteFloat = Annotated[float, Range()]


class OutOfRange(InputError):
    """A field's value that is not in its range."""

    def __init__(self, field: str, expected: Range, found: float) -> None:
        super().__init__(f"expected {field} {expected}, found {found}")
        self.field, self.expected, self.found = field, expected, found

    def as_option(self) -> InputError:
        """The same, with the field named as an option of a command."""
        return OutOfRange(f"--{self.field.replace('_', '-')}", self.expected, self.found)


def check_ranges(config: Any) -> None:
    """Raise OutOfRange for the first number in a dataclass, or in those within it, that its field's
    type does not allow. None is allowed wherever the type says so."""
    for name, expected, _ in ranges(type(config)):
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if expected is not None and number is not None and number not in expected:
                raise OutOfRange(name, expected, number)
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            check_ranges(value)


@functools.cache
def ranges(config: type) -> tuple[tuple[str, Range | None, Any], ...]:
    """Of each field of numbers in a dataclass: its name, its range (None where its type has none),
    and its type."""
    hints = get_type_hints(config, include_extras=True)
    found = []
    for field in fields(config):
        parts = list(_parts(hints[field.name]))
        if int in parts or float in parts:
            range_ = next((part for part in parts if isinstance(part, Range)), None)
            found.append((field.name, range_, hints[field.name]))
    return tuple(found)


def _parts(kind: Any) -> Iterator[Any]:
    """A type, what it is made of (of a union or a tuple), and what annotates these."""
    yield kind
    if get_origin(kind) is not dict:
        for part in get_args(kind):
            yield from _parts(part)
