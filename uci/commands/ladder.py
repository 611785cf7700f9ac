"""Rate a player against Stockfish's levels, by games near its strength until the interval is
narrow.

Levels are the UCI_Elo range of Stockfish. Below it there are Skill Level 0 with few nodes and a
random mover, which have no official rating and are rated by their games.
"""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import FiniteFloat, NonNegativeInt, PositiveFloat, PositiveInt
from engine.rating.options import LadderConfig


@dataclass(frozen=True)
class Args:
    player: str = "network"
    """The player to rate: network:FILE,... or any other player of 'argmax match'."""
    network: Path | None = None
    """Short for --player network:FILE."""
    start: FiniteFloat = 1500.0
    """A first estimate of the rating; a good one saves games."""
    half_width: PositiveFloat = LadderConfig.half_width
    """Stop once the 95 % interval is +- this many Elo."""
    most_games: PositiveInt = LadderConfig.most_games
    """Stop after this many games at most."""
    movetime: PositiveFloat = 0.1
    """Seconds per move for Stockfish."""
    step: PositiveInt = 100
    """Elo between two levels."""
    stockfish: str | None = None
    """Path of Stockfish (default: the one on the PATH)."""
    openings: Path | None = None
    """Positions to start from, EPD or FEN (default: fifty well-known openings)."""
    pgn: Path | None = None
    """File for the games; an interrupted ladder is resumed from it."""
    concurrency: PositiveInt | None = None
    """Number of games in parallel (default: one per core)."""
    seed: NonNegativeInt = 0
    """Seed for openings and for random choices in games."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Run the ladder, then print the rating and what its scale means."""
    from engine.match.pgn import locked

    with locked(args.pgn):
        return _run(args)


def _run(args: Args) -> int:
    from data_pipeline.common.terminal import PlainConsole
    from engine.match.openings import read_openings
    from engine.match.player_specs import network_spec, numbered, parse_spec
    from engine.match.stockfish_ladder import LadderGames, levels_of, scale_text
    from engine.rating.ladder import Ladder, climb

    spec = network_spec(args.network) if args.network else parse_spec(args.player)
    specs, levels, stockfish = levels_of(args.stockfish, args.step, args.movetime)
    *_, name = numbered([*(level.name for level in levels), spec.name])
    spec = dataclasses.replace(spec, name=name)
    config = LadderConfig(args.start, args.half_width, most_games=args.most_games)
    ladder = Ladder(spec.name, levels, config)
    games = LadderGames(
        [spec, *specs], read_openings(args.openings), args.seed, args.concurrency, args.pgn
    )
    console = PlainConsole(stderr=True)
    ladder.results.extend(games.resume())
    if ladder.results:
        say(f"{len(ladder.results)} games are in {args.pgn}", file=sys.stderr)
    with games, console.status("") as status:

        def play_round(a: str, b: str, count: int):
            shown = console.render_str(f"{len(ladder.results)} games; {a} against {b}")
            status.update(shown)
            return games.play_round(a, b, count)

        climb(ladder, play_round, lambda ladder: console.print(_standing(ladder)))
    figures = _figures(ladder, games, scale_text(stockfish, args.movetime))
    if args.json:
        print(json.dumps(figures))
    else:
        show(figures)
    return 0


def _standing(ladder) -> str:
    """The current rating in one line."""
    rating = ladder.ratings().players[ladder.player]
    low, high = rating.interval_95
    return f"{len(ladder.results)} games: {rating.elo:.0f} ({low:.0f} to {high:.0f})"


def _figures(ladder, games, scale: str) -> dict:
    """The rating with all details, as a JSON object."""
    from engine.match.match import faults, move_times_ms, scores

    ratings = ladder.ratings()
    rating = ratings.players[ladder.player]
    times = move_times_ms(games.records)
    return {
        "player": ladder.player,
        "elo": rating.elo,
        "interval_95": list(rating.interval_95),
        "bounded": rating.bounded,
        "games": len(ladder.results),
        "player_games": rating.games,
        "ms_per_move": {name: round(ms, 2) for name, ms in times.items()},
        "levels": {
            name: {"elo": r.elo, "interval_95": list(r.interval_95), "games": r.games}
            for name, r in ratings.players.items()
            if name != ladder.player
        },
        "pairings": [
            {"a": s.a, "b": s.b, "wins": s.wins, "draws": s.draws, "losses": s.losses}
            for s in scores(games.records)
        ],
        "white_advantage": ratings.advantage_elo,
        "faults": faults(games.records),
        "notes": list(ratings.notes),
        "scale": scale,
    }


def show(figures: dict) -> None:
    """Print the figures in words and as a table."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console

    low, high = figures["interval_95"]
    bounded = " (bounded: every game against the rest went one way)" if figures["bounded"] else ""
    say(f"{figures['player']}: {figures['elo']:.0f} Elo (95 %: {low:.0f} to {high:.0f}){bounded}")
    table = Table("a", "b", "+", "=", "-")
    for line in figures["pairings"]:
        counts = (str(line[key]) for key in ("wins", "draws", "losses"))
        table.add_row(line["a"], line["b"], *counts)
    report_console().print(table)
    times = ", ".join(f"{name} {ms:.0f} ms" for name, ms in figures["ms_per_move"].items())
    say(f"{figures['games']} games; time per move: {times}")
    say(figures["scale"])
