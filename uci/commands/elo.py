"""Maximum-likelihood ratings from PGN files: Bradley-Terry with draws and White's advantage.

Each rating has two 95 % intervals: from the profile likelihood, and from a bootstrap over openings.
Without anchors the mean rating is 0.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt


@dataclass(frozen=True)
class Args:
    pgn: tyro.conf.Positional[tuple[Path, ...]]
    """Files of finished games."""
    anchor: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=ELO of a player with a known rating; may be repeated."""
    bootstrap: NonNegativeInt = 300
    """Number of bootstrap samples; 0: no bootstrap."""
    seed: NonNegativeInt = 0
    """Seed of the bootstrap."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Read the results, fit, and print the ratings, strongest player first."""
    from engine.rating import elo
    from engine.rating.results import NO_RESULT, read_results

    read = read_results(args.pgn)
    results = read.games
    for reason, count in read.left_out.items():
        say(f"{count} games {reason} left out", file=sys.stderr)
    anchors = dict(parse_anchor(text) for text in args.anchor)
    ratings = elo.fit(results, anchors)
    bootstrapped = {}
    if args.bootstrap:
        bootstrapped = elo.bootstrap(results, anchors, samples=args.bootstrap, seed=args.seed)
    for note in ratings.notes:
        say(note, file=sys.stderr)
    figures = {
        "ratings": {
            name: {
                "elo": rating.elo,
                "interval_95": list(rating.interval_95),
                "bootstrap_95": list(bootstrapped[name]) if name in bootstrapped else None,
                "games": rating.games,
                "points": rating.score,
                "bounded": rating.bounded,
            }
            for name, rating in ratings.players.items()
        },
        "white_advantage": {
            "elo": ratings.advantage_elo,
            "interval_95": list(ratings.advantage_interval_95),
        },
        "draw_rate_of_equals": ratings.draw_rate,
        "games": len(results),
        "unfinished": read.left_out[NO_RESULT],
        "left_out": dict(read.left_out),
        "anchors": anchors,
        "notes": list(ratings.notes),
    }
    if args.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def parse_anchor(text: str) -> tuple[str, float]:
    """``NAME=ELO`` -> (NAME, ELO); the name may contain equals signs."""
    from data_pipeline.common.errors import InputError

    name, _, number = text.rpartition("=")
    try:
        if not name:
            raise ValueError
        return name, float(number)
    except ValueError:
        raise InputError(f"expected --anchor NAME=ELO, found {text!r}") from None


def show(figures: dict) -> None:
    """Print the ratings as a table."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    table = Table("player", "Elo", "95 %", "bootstrap 95 %", "games", "points")
    for name, rating in figures["ratings"].items():
        spans = [rating["interval_95"], rating["bootstrap_95"]]
        shown = [f"{span[0]:.0f} to {span[1]:.0f}" if span else "" for span in spans]
        mark = " (bounded)" if rating["bounded"] else ""
        count = (str(rating["games"]), f"{rating['points']:g}")
        table.add_row(name, f"{rating['elo']:.0f}{mark}", *shown, *count)
    report_console().print(table)
    low, high = figures["white_advantage"]["interval_95"]
    say(
        f"White's advantage {figures['white_advantage']['elo']:.0f} Elo ({low:.0f} to {high:.0f}), "
        f"draws between equals {figures['draw_rate_of_equals']:.0%}"
    )
