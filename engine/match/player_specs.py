"""Players as text: ``KIND[:WHAT][,KEY=VALUE]...`` -> `PlayerSpec`.

    network                              the network that ships
    network:FILE,temperature=0.1         another one; also risk=, draw_contempt=, seed=,
                                         temperature_moves=5, rules=off, rules=reference
    stockfish:elo=1500                   Stockfish limited by UCI_Elo
    stockfish:skill=0,nodes=1000         by Skill Level; path=PROGRAM says which Stockfish
    uci:PROGRAM ARGUMENTS,depth=1        any UCI program; option.NAME=VALUE sets its options
    teacher:depth=5,then=10x3            the best move in the labels of 'argmax data annotate': all
                                         moves at depth 5, then the best 3 at depth 10; then= may be
                                         repeated; path=PROGRAM, option.NAME=VALUE
    random                               uniformly random legal moves; seed=

External engines take ``nodes=``, ``depth=`` or ``movetime=`` (seconds) as their limit per move. All
players take ``name=``.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import one_line, shell_words
from data_pipeline.teachers.options import Limit, Stage

LIMITS = {"nodes": int, "depth": int, "movetime": float}
CHOICES = {"temperature": float, "temperature_moves": int, "risk": float, "draw_contempt": float}


def _rules(text: str) -> bool | str:
    return {"on": True, "off": False, "reference": "reference"}[text]


def _stage(text: str) -> Stage:
    depth, _, moves = text.partition("x")
    return Stage(Limit(depth=int(depth)), int(moves or 1))


# The settings of each kind, besides ``name``, and the parser of each value.
KEYS: dict[str, dict] = {
    "network": {**CHOICES, "rules": _rules, "seed": int},
    "stockfish": {**LIMITS, "elo": int, "skill": int, "path": str},
    "uci": LIMITS,
    "teacher": {**LIMITS, "then": _stage, "path": str},
    "random": {"seed": int},
}


@dataclasses.dataclass(frozen=True)
class PlayerSpec:
    """A parsed player. ``target``: the network file or the program's command line, or ''.
    ``settings``: values for the keys of `KEYS`. ``options``: UCI options to set."""

    text: str
    kind: str
    name: str
    target: str = ""
    settings: dict = dataclasses.field(default_factory=dict)
    options: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def external(self) -> bool:
        """Whether it is a separate process."""
        return self.kind in ("stockfish", "uci", "teacher")


def parse_spec(text: str) -> PlayerSpec:
    """Parse a player. Raises InputError."""
    kind, _, rest = text.partition(":")
    if "," in kind:
        kind, _, rest = text.partition(",")
    if kind not in KEYS:
        raise InputError(f"expected a player ({', '.join(KEYS)}), found {text!r}")
    parts = [part.strip() for part in rest.split(",")] if rest else []
    target = parts.pop(0) if parts and "=" not in parts[0].partition(" ")[0] else ""
    if target and kind in ("stockfish", "teacher", "random"):
        raise InputError(f"expected KEY=VALUE after '{kind}:', found {target!r} in {text!r}")
    if kind == "uci" and not target:
        raise InputError(f"expected a program after 'uci:', found {text!r}")
    settings: dict = {}
    options: dict[str, str] = {}
    for part in parts:
        key, separator, value = part.partition("=")
        if separator and key.startswith("option.") and kind in ("stockfish", "uci", "teacher"):
            options[key.removeprefix("option.")] = value
        elif separator and (key == "name" or key in KEYS[kind]):
            found = _read(text, key, value, KEYS[kind].get(key, str))
            settings[key] = (*settings.get(key, ()), found) if key == "then" else found
        else:
            known = ", ".join([*KEYS[kind], "name"])
            raise InputError(
                f"expected a setting of '{kind}' ({known}), found {part!r} in {text!r}"
            )
    name = one_line(settings.pop("name", "")) or _name(kind, target, settings)
    return PlayerSpec(text, kind, name, target, settings, options)


def network_spec(path: Path) -> PlayerSpec:
    """The player of a network file; the path may have any characters."""
    return PlayerSpec(f"network:{path}", "network", _name("network", str(path), {}), str(path))


def _read(text: str, key: str, value: str, reader):
    try:
        return reader(value)
    except (ValueError, KeyError):
        expected = _EXPECTED[reader]
        raise InputError(f"expected {expected} for {key}, found {value!r} in {text!r}") from None


def _name(kind: str, target: str, settings: dict) -> str:
    """A name to show: ``argmax-2``, ``stockfish elo=1500``, ``random``."""
    base = kind
    if kind == "network":
        base = target.rpartition("/")[2].removesuffix(".safetensors") or "argmax"
    elif kind == "uci":
        base = shell_words(target, "a UCI program")[0].rpartition("/")[2]
    shown = [f"{key}={value:g}" for key, value in settings.items() if key in _SHOWN]
    stages = [f"then={stage.limit.depth}x{stage.moves}" for stage in settings.get("then", ())]
    return " ".join([one_line(base), *shown, *stages])


_EXPECTED = {
    int: "a whole number",
    float: "a number",
    _rules: "on, off or reference",
    _stage: "a depth and a number of moves, such as 10x3,",
}
_SHOWN = {*LIMITS, *CHOICES, "elo", "skill"}


def parse_specs(texts: Sequence[str]) -> list[PlayerSpec]:
    """Several players, of different names (see `numbered`)."""
    specs = [parse_spec(text) for text in texts]
    names = numbered([spec.name for spec in specs])
    return [dataclasses.replace(spec, name=name) for spec, name in zip(specs, names, strict=True)]


def numbered(names: Sequence[str]) -> list[str]:
    """Unique names: repeated names get a number, as in ``Bot``, ``Bot (2)``.

    The result depends only on the names and their order, so that a match can be resumed.
    """
    different: list[str] = []
    for name in names:
        if name in different:
            others = (f"{name} ({number})" for number in itertools.count(2))
            name = next(other for other in others if other not in {*names, *different})
        different.append(name)
    return different
