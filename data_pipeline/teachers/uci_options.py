"""Options of UCI programs: what a program offers, and which values it accepts."""

import difflib
import re
from collections.abc import Mapping

from chess.engine import Option

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import shorten

SET_HERE = ("MultiPV", "Ponder", "UCI_Chess960", "UCI_Variant")
"""Options that are set by this program, not by users."""

_OPTION = re.compile(r"\s*option\s+name\s+(.+?)\s+type\s+(\S+)(.*)")


def split_option(line: str) -> tuple[str, str, str] | None:
    """``option name NAME type TYPE REST`` -> (NAME, TYPE, REST); None for any other line."""
    found = _OPTION.match(line)
    return (found[1], found[2], found[3]) if found else None


def bounds(rest: str) -> tuple[int | None, int | None]:
    """The minimum and maximum in the rest of an option's line."""
    low, high = (re.search(rf"\b{which}\s+(-?\d+)\b", rest) for which in ("min", "max"))
    return int(low[1]) if low else None, int(high[1]) if high else None


def offered_options(greeting: str) -> dict[str, Option]:
    """The options in a program's answer to ``uci``."""
    options = {}
    for name, kind, rest in filter(None, map(split_option, greeting.splitlines())):
        choices = [choice.strip() for choice in re.split(r"\s+var\s+", rest)[1:]]
        options[name] = Option(name, kind, None, *bounds(rest), choices)
    return options


def check_options(
    values: Mapping[str, str], offered: Mapping[str, Option], program: str
) -> dict[str, str]:
    """Values as typed by users -> the same values, in the program's spelling.

    Raises InputError for the first unknown option or invalid value.
    """
    by_name = {name.casefold(): option for name, option in offered.items()}
    checked = {}
    for name, value in values.items():
        if name.casefold() in map(str.casefold, SET_HERE):
            raise InputError(f"expected other options than {name}, which follows from the command")
        option = by_name.get(name.casefold())
        if option is None:
            raise InputError(_unknown(name, [option.name for option in offered.values()], program))
        checked[option.name] = _spelt(option, value.strip(), program)
    return checked


def _spelt(option: Option, value: str, program: str) -> str:
    """A value in the program's spelling. Raises InputError for an invalid value."""
    found = _match(option, value)
    if found is None:
        raise InputError(
            f"expected {_accepted(option)} for the option {option.name} of {program}, "
            f"found '{shorten(value)}'"
        )
    return found


def _match(option: Option, value: str) -> str | None:
    if not value.isprintable():
        return None
    if option.type == "spin":
        # Very long numbers are rejected first, since reading them would take long.
        if len(value) > 20 or not re.fullmatch(r"[+-]?[0-9]+", value):
            return None
        low, high = option.min, option.max
        number = int(value)
        within = (low is None or low <= number) and (high is None or number <= high)
        return str(number) if within else None
    choices = {"check": ["true", "false"], "combo": option.var or [], "button": [""]}
    if option.type not in choices:
        return value
    return next((c for c in choices[option.type] if c.casefold() == value.casefold()), None)


def _accepted(option: Option) -> str:
    """The values that an option accepts, in words."""
    if option.type == "spin":
        ends = (option.min, option.max)
        low, high = ("any" if end is None else str(end) for end in ends)
        return "a whole number" if ends == (None, None) else f"a whole number of {low} to {high}"
    if option.type == "combo":
        return f"one of {', '.join(option.var or [])}"
    return {"check": "true or false", "button": "no value"}.get(option.type, "one line of text")


def _unknown(name: str, offered: list[str], program: str) -> str:
    """A message that there is no such option, with those that there are."""
    by_key = {option.casefold(): option for option in offered}
    near = difflib.get_close_matches(name.casefold(), by_key, n=1)
    meant = f"; {by_key[near[0]]}?" if near else ""
    known = ", ".join(sorted(set(offered) - set(SET_HERE), key=str.casefold)) or "none"
    return f"expected an option of {program} ({known}), found '{shorten(name)}'{meant}"
