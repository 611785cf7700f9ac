"""Won endings played against Stockfish: how many are won within the 50-move rule.

The positions are random and won for certain (retrograde analysis), with either side to move. A draw
is one by stalemate, repetition, material or 50 moves. Four pieces take up to a minute to solve.
"""

import json
import threading
from dataclasses import dataclass

from data_pipeline.common.ranges import NonNegativeInt, NumGames, PositiveInt


@dataclass(frozen=True)
class Args:
    player: str = "network"
    """Who has the won side, as in 'argmax match': network:FILE,rules=off,temperature=0.01 ..."""
    opponent: str = "stockfish:depth=10"
    """Who defends."""
    endings: tuple[str, ...] = ("KQK", "KRK", "KPK", "KBNK")
    """Endings of three or four pieces, the stronger side first."""
    games: NumGames = 50
    """Games of each ending."""
    seed: NonNegativeInt = 0
    """Draws the positions."""
    concurrency: PositiveInt = 2
    """Games at once."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Play, and report wins with 95 % intervals."""
    from data_pipeline.common.terminal import progress_bar
    from engine.match import match
    from engine.match import won_endings as conversion
    from engine.match.match import MatchConfig
    from engine.match.player_specs import parse_specs
    from engine.match.players import Roster

    specs = parse_specs((args.player, args.opponent))
    player, opponent = (spec.name for spec in specs)
    games = {
        ending: conversion.pairings(ending, player, opponent, args.games, args.seed)
        for ending in args.endings
    }
    config = MatchConfig(games=2, concurrency=args.concurrency)
    endings: dict[str, dict] = {}
    with (
        Roster(specs, args.seed, config.concurrency) as roster,
        progress_bar("games", sum(map(len, games.values()))) as advance,
    ):
        roster.prepare()
        done = 0
        for ending, waiting in games.items():
            records = []
            for record in match.play(waiting, roster, config, threading.Event()):
                records.append(record)
                done += 1
                advance(done)
            endings[ending] = conversion.summary(records, player)
    if args.json:
        print(json.dumps({"player": player, "opponent": opponent, "endings": endings}))
    else:
        show(endings)
    return 0


def show(endings: dict[str, dict]) -> None:
    """The figures as a table on standard output."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    table = Table("ending", "won", "rate", "95 %", "moves", "shortest", "not won")
    for ending, part in endings.items():
        low, high = part["interval_95"]
        table.add_row(
            ending,
            f"{part['won']} of {part['games']}",
            f"{part['win_rate']:.0%}",
            f"{low:.0%} to {high:.0%}",
            "" if part["moves"] is None else f"{part['moves']:g}",
            "" if part["shortest"] is None else f"{part['shortest']:g}",
            ", ".join(f"{count} {reason}" for reason, count in part["not_won"].items()),
        )
    report_console().print(table)
