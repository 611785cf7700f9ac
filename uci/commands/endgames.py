"""Play won endings against Stockfish: how many are won within the 50-move rule.

Positions are random and won with best play (by retrograde analysis), with either side to move.
Games are drawn by stalemate, repetition, insufficient material or the 50-move rule. Endings with
four pieces take up to a minute to solve.
"""

import json
import threading
from dataclasses import dataclass

from data_pipeline.common.ranges import NonNegativeInt, NumGames, PositiveInt


@dataclass(frozen=True)
class Args:
    player: str = "network"
    """The player with the won side, as in 'argmax match': network:FILE,rules=off,... ..."""
    opponent: str = "stockfish:depth=10"
    """The defender."""
    endings: tuple[str, ...] = ("KQK", "KRK", "KPK", "KBNK")
    """Endings of three or four pieces, the stronger side first."""
    games: NumGames = 50
    """Games of each ending."""
    seed: NonNegativeInt = 0
    """Seed for the choice of positions."""
    concurrency: PositiveInt = 2
    """Number of games in parallel."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Play, and report wins with 95 % intervals."""
    from data_pipeline.common.terminal import progress_bar
    from engine.match import match, won_endings
    from engine.match.match import MatchConfig
    from engine.match.player_specs import parse_specs
    from engine.match.players import Roster

    specs = parse_specs((args.player, args.opponent))
    player, opponent = (spec.name for spec in specs)
    games = {
        ending: won_endings.pairings(ending, player, opponent, args.games, args.seed)
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
            endings[ending] = won_endings.summary(records, player)
    if args.json:
        print(json.dumps({"player": player, "opponent": opponent, "endings": endings}))
    else:
        show(endings)
    return 0


def show(endings: dict[str, dict]) -> None:
    """Print the figures as a table."""
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
