"""Play won endings against Stockfish: how many are won within the 50-move rule.

Positions are random and won with best play (by retrograde analysis), with either side to move.
Games are drawn by stalemate, repetition, insufficient material or the 50-move rule. Endings with
four pieces take up to a minute to solve.

With --moves, single moves are judged too: whether they keep the result, in random positions in
which some moves do and others do not, for either side; and how many moves later the mate is than
after the best move, in won positions at all distances to mate.
"""

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_pipeline.common.ranges import NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    from engine.match.player_specs import PlayerSpec


@dataclass(frozen=True)
class Args:
    player: str = "network"
    """The player with the won side, as in 'argmax match': network:FILE,rules=off,... ..."""
    opponent: str = "stockfish:depth=10"
    """The defender."""
    endings: tuple[str, ...] = ("KQK", "KRK", "KPK", "KBNK")
    """Endings of three or four pieces, the stronger side first."""
    games: NonNegativeInt = 50
    """Games of each ending."""
    moves: NonNegativeInt = 0
    """Positions of each ending in which a single move is judged."""
    seed: NonNegativeInt = 0
    """Seed for the choice of positions."""
    concurrency: PositiveInt = 2
    """Number of games in parallel."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Play, and report wins with 95 % intervals."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.common.terminal import progress_bar
    from engine.match import match, won_endings
    from engine.match.match import MatchConfig
    from engine.match.player_specs import parse_specs
    from engine.match.players import Roster

    if not args.games and not args.moves:
        raise InputError("expected --games or --moves above 0, found neither")
    specs = parse_specs((args.player, args.opponent))
    player, opponent = (spec.name for spec in specs)
    games = {
        ending: won_endings.pairings(ending, player, opponent, args.games, args.seed)
        for ending in args.endings
    }
    config = MatchConfig(games=2, concurrency=args.concurrency)
    endings: dict[str, dict] = {ending: {} for ending in args.endings}
    if args.moves:
        endings |= judged_moves(args, specs[0])
    with (
        Roster(specs, args.seed, config.concurrency) as roster,
        progress_bar("games", sum(map(len, games.values()))) as advance,
    ):
        if args.games:
            roster.prepare()
        done = 0
        for ending, waiting in games.items():
            records = []
            for record in match.play(waiting, roster, config, threading.Event()):
                records.append(record)
                done += 1
                advance(done)
            if records:
                endings[ending] |= won_endings.summary(records, player)
    if args.json:
        print(json.dumps({"player": player, "opponent": opponent, "endings": endings}))
    else:
        show(endings)
    return 0


def judged_moves(args: Args, spec: "PlayerSpec") -> dict[str, dict]:
    """The figures of single moves, by ending."""
    from engine.match import won_endings
    from engine.match.players import open_solver

    found = {}
    with open_solver(spec) as (solver, _, _):

        def summary_of(positions_of, summary, ending: str) -> dict:
            boards = positions_of(ending, args.moves, args.seed)
            return summary(boards, [ranked.moves[0] for ranked in solver.analyse_many(boards)])

        for ending in args.endings:
            found[ending] = summary_of(
                won_endings.critical_positions, won_endings.moves_summary, ending
            ) | summary_of(won_endings.winning_positions, won_endings.progress_summary, ending)
    return found


def show(endings: dict[str, dict]) -> None:
    """Print the figures as tables."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    games = Table("ending", "won", "rate", "95 %", "moves", "shortest", "not won")
    moves = Table("ending", "result kept", "rate", "95 %", "moves lost a move", "95 %")
    for ending, part in endings.items():
        if "won" in part:
            low, high = part["interval_95"]
            games.add_row(
                ending,
                f"{part['won']} of {part['games']}",
                f"{part['win_rate']:.0%}",
                f"{low:.0%} to {high:.0%}",
                "" if part["moves"] is None else f"{part['moves']:g}",
                "" if part["shortest"] is None else f"{part['shortest']:g}",
                ", ".join(f"{count} {reason}" for reason, count in part["not_won"].items()),
            )
        if "kept" in part:
            low, high = part["kept_interval_95"]
            kept = f"{part['kept']} of {part['positions']}"
            first, last = part["moves_lost_interval_95"]
            shown = (f"{part['kept_rate']:.1%}", f"{low:.1%} to {high:.1%}")
            shown += (f"{part['moves_lost']:.2f}", f"{first:.2f} to {last:.2f}")
            moves.add_row(ending, kept, *shown)
    for table in (games, moves):
        if table.row_count:
            report_console().print(table)
