"""Set fields of a configuration by name, as on a command line: `network.width=192`."""

import math
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from data_pipeline.common.errors import InputError

FIXED = ("layout", "target")
"""Fields that are chosen by the preset and by the data."""

T = TypeVar("T")


def override(config: T, settings: Iterable[str]) -> T:
    """A copy of a dataclass with fields set by ``field=value`` or ``part.field=value``.

    Values are parsed as the field's type. Raises InputError for an unknown field or an invalid
    value; the message lists the valid ones.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"expected a setting as in network.width=192, found '{setting}'")
        names = settable(config)
        if name not in names:
            raise InputError(f"expected one of the settings {', '.join(names)}, found '{name}'")
        config = _set(config, name, _read(name, names[name], text))
    return config


def settable(config: Any, before: str = "") -> dict[str, Any]:
    """The names that `override` accepts, with their types; nested fields are dotted."""
    hints, found = get_type_hints(type(config)), {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            found |= settable(value, f"{before}{field.name}.")
        elif field.name not in FIXED:
            found[before + field.name] = hints[field.name]
    return found


def _set(config: Any, name: str, value: Any) -> Any:
    part, dot, rest = name.partition(".")
    return replace(config, **{part: _set(getattr(config, part), rest, value) if dot else value})


def _read(name: str, kind: Any, text: str) -> Any:
    """A value of the type ``kind`` from its text. Raises InputError."""
    if get_origin(kind) is Literal:
        allowed = {str(value): value for value in get_args(kind)}
    elif kind is bool:
        allowed = {"true": True, "false": False}
    else:
        try:
            value = kind(text)
            if math.isfinite(value):
                return value
        except ValueError:
            pass
        expected = "a whole number" if kind is int else "a number"
        raise InputError(f"expected {expected} for {name}, found '{text}'")
    if text not in allowed:
        raise InputError(f"expected {name} to be one of {', '.join(allowed)}, found '{text}'")
    return allowed[text]
