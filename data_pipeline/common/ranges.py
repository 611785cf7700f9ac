"""Ranges of numeric fields, as annotations of their types, with one check for all.

    steps: PositiveInt = 100
    temperature: Annotated[float, Range(0, 1)] = 0.5

A configuration checks its fields with `check_ranges(self)` in ``__post_init__``. The command line
checks the options of all commands in the same way.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from data_pipeline.common.errors import InputError


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``low`` to ``high``; with ``open`` without ``low`` itself."""

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
"""A number of games that are scheduled before the first one starts."""
NonNegativeInt = Annotated[int, Range(0)]
PositiveFloat = Annotated[float, Range(0, open=True)]
NonNegativeFloat = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
FiniteFloat = Annotated[float, Range()]


class OutOfRange(InputError):
    """A value outside the range of its field."""

    def __init__(self, field: str, expected: Range, found: float) -> None:
        super().__init__(f"expected {field} {expected}, found {found}")
        self.field, self.expected, self.found = field, expected, found

    def as_option(self) -> InputError:
        """The same error, with the field named as a command-line option."""
        return OutOfRange(f"--{self.field.replace('_', '-')}", self.expected, self.found)


def check_ranges(config: Any) -> None:
    """Raise OutOfRange for the first number in a dataclass, or in nested dataclasses, that is
    outside its field's range. None is allowed for optional fields."""
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
    """Name, range (None without one) and type of each numeric field of a dataclass."""
    hints = get_type_hints(config, include_extras=True)
    found = []
    for field in fields(config):
        parts = list(_parts(hints[field.name]))
        if int in parts or float in parts:
            range_ = next((part for part in parts if isinstance(part, Range)), None)
            found.append((field.name, range_, hints[field.name]))
    return tuple(found)


def _parts(kind: Any) -> Iterator[Any]:
    """A type with its components (of a union or a tuple) and annotations."""
    yield kind
    if get_origin(kind) is not dict:
        for part in get_args(kind):
            yield from _parts(part)
