"""The UCI options: names, types, ranges, and setting values.

`Options` has the values as in the GUI (integers); its properties convert them to the engine's
units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from data_pipeline.common.plain_text import shorten
from uci.protocol.protocol import render_option

MAX_SEED = 2**31 - 1
MAX_MOVES = 218  # the most legal moves in any position


@dataclass(frozen=True)
class Options:
    """The current values."""

    network: str = ""
    multipv: int = 1
    temperature: int = 0
    temperature_moves: int = 0
    seed: int = 0
    limit_strength: bool = False
    elo: int = 0
    risk: int = 50
    draw_contempt: int = 0
    rules: bool = True
    show_wdl: bool = True
    show_distribution: bool = False
    analyse_mode: bool = False
    ponder: bool = False
    move_overhead: int = 10
    threads: int = 1
    hash_mib: int = 16
    syzygy_path: str = ""

    @property
    def temperature_win_prob(self) -> float:
        """The temperature in win probability."""
        return self.temperature / 1000

    @property
    def risk_quantile(self) -> float:
        """The quantile that is maximised; 0.5 for the mean."""
        return self.risk / 100

    @property
    def contempt_win_prob(self) -> float:
        """How much less than 0.5 a draw counts."""
        return self.draw_contempt / 100


@dataclass(frozen=True)
class Spec:
    """An option: its UCI name and type, the field that it sets, and the range of a spin."""

    name: str
    kind: str
    field: str = ""
    limits: tuple[int, int] | None = None


SPECS = (
    Spec("Network", "string", "network"),
    Spec("MultiPV", "spin", "multipv", (1, MAX_MOVES)),
    Spec("Temperature", "spin", "temperature", (0, 1000)),
    Spec("Temperature Moves", "spin", "temperature_moves", (0, 1000)),
    Spec("Seed", "spin", "seed", (0, MAX_SEED)),
    Spec("Risk", "spin", "risk", (1, 99)),
    Spec("Draw Contempt", "spin", "draw_contempt", (-50, 50)),
    Spec("Rules", "check", "rules"),
    Spec("Show Distribution", "check", "show_distribution"),
    Spec("UCI_ShowWDL", "check", "show_wdl"),
    Spec("UCI_AnalyseMode", "check", "analyse_mode"),
    Spec("Ponder", "check", "ponder"),
    Spec("SyzygyPath", "string", "syzygy_path"),
    Spec("Move Overhead", "spin", "move_overhead", (0, 60_000)),
    Spec("Threads", "spin", "threads", (1, 1024)),
    Spec("Hash", "spin", "hash_mib", (1, 1_048_576)),
    Spec("Clear Hash", "button"),
)


def specs_for(elo_range: tuple[int, int] | None) -> tuple[Spec, ...]:
    """All options; limits of strength only if the network's Elo was measured."""
    if elo_range is None:
        return SPECS
    limit = Spec("UCI_LimitStrength", "check", "limit_strength")
    return (*SPECS, limit, Spec("UCI_Elo", "spin", "elo", elo_range))


def render_specs(specs: tuple[Spec, ...], defaults: Options) -> Iterator[str]:
    """The ``option`` lines that answer ``uci``."""
    for spec in specs:
        default = getattr(defaults, spec.field) if spec.field else None
        yield render_option(spec.name, spec.kind, default, spec.limits)


def find(specs: tuple[Spec, ...], name: str) -> Spec | None:
    """The option with this name, in upper or lower case, as the protocol says."""
    return next((spec for spec in specs if spec.name.lower() == name.lower()), None)


def with_value(options: Options, spec: Spec, value: str | None) -> Options:
    """``options`` with one value changed. Raises ValueError, in one line, for an invalid value."""
    if spec.kind == "button":
        return options
    return replace(options, **{spec.field: _parse_value(spec, value or "")})


def _parse_value(spec: Spec, value: str) -> str | int | bool:
    if spec.kind == "string":
        return "" if value == "<empty>" else value
    if spec.kind == "check":
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise ValueError(f"{spec.name}: expected true or false, found '{shorten(value)}'")
    low, high = spec.limits or (0, 0)
    try:
        number = int(value)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"{spec.name}: expected {low} to {high}, found '{shorten(value)}'")
    return number
