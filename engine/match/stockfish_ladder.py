"""A ladder of Stockfish's strength levels, and the games on it."""

import datetime
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from engine.match import match
from engine.match import pgn as match_pgn
from engine.match.game import GameRecord, Pairing
from engine.match.openings import choose_openings
from engine.match.player_specs import PlayerSpec, parse_spec
from engine.match.players import Roster
from engine.match.summary import results_of
from engine.match.uci_client import ExternalPlayer, find_stockfish
from engine.rating.ladder import Level
from engine.rating.results import Result

# Levels without an official rating, and rough guesses that are used for planning only.
UNRATED = (("skill=0,nodes=200", 1300.0), ("skill=0,nodes=20", 1250.0))
RANDOM_GUESS_ELO = 400.0
MOST_OPENINGS = 500  # per pairing


def levels_of(
    stockfish: str | None, step: int, movetime_s: float
) -> tuple[list[PlayerSpec], list[Level], str]:
    """The levels of a Stockfish, as players and as levels of a ladder, and the engine's name.

    ``step``: Elo between two levels; the lowest and the highest are always included.
    """
    path = stockfish or find_stockfish()
    with ExternalPlayer(parse_spec(f"stockfish:path={path}")) as player:
        name, (low, high) = player.name_and_elo_range()
    levels, specs = [Level("random", None, RANDOM_GUESS_ELO)], [parse_spec("random")]
    for settings, guess in UNRATED:
        specs.append(parse_spec(f"stockfish:{settings},path={path}"))
        levels.append(Level(specs[-1].name, None, guess))
    for elo in sorted({*range(low, high, step), high}):
        specs.append(
            parse_spec(
                f"stockfish:elo={elo},movetime={movetime_s:g},path={path},name=stockfish {elo}"
            )
        )
        levels.append(Level(specs[-1].name, float(elo), float(elo)))
    return specs, levels, name


def scale_text(stockfish: str, movetime_s: float) -> str:
    """What Elo means on this ladder, and its limits."""
    return (
        f"The scale is UCI_Elo of {stockfish}: its authors fitted its levels to games at 60 s + "
        "0.6 s (120 s + 1 s from Stockfish 16 on) and anchored them to CCRL 40/4 (blitz). Here "
        f"every level had {movetime_s:g} s per move on one thread, games started from a set of "
        "openings, and the levels' ratings were taken as exact: the interval is for our games. "
        "Levels below the range have no official rating; theirs comes from games on this ladder."
    )


class LadderGames:
    """Plays the rounds of a ladder; a context manager that owns the players.

    Each pairing has a fixed order of openings, each played twice; a round takes the next ones.
    """

    def __init__(
        self,
        specs: Sequence[PlayerSpec],
        openings: list[str],
        seed: int = 0,
        concurrency: int | None = None,
        pgn: Path | None = None,
    ) -> None:
        concurrency = concurrency or os.cpu_count() or 1
        self.roster = Roster(specs, seed, concurrency)
        self.pgn = pgn
        self.openings = choose_openings(openings, MOST_OPENINGS, seed)
        self.config = match.MatchConfig(2 * MOST_OPENINGS, concurrency=concurrency)
        self.records: list[GameRecord] = []
        self._pairs = [set(pair) for pair in combinations(self.roster.specs, 2)]

    def __enter__(self) -> "LadderGames":
        return self

    def __exit__(self, *_: object) -> None:
        self.roster.__exit__()

    def resume(self) -> list[Result]:
        """The results that are already in the PGN."""
        if self.pgn is not None:
            met = map(sorted, match_pgn.players_met(self.pgn))
            known = [self._schedule(*pair) for pair in met if set(pair) in self._pairs]
            games = [game for schedule in known for game in schedule]
            self.records = match_pgn.resume(self.pgn, games, match_pgn.LADDER)
        return results_of(self.records)

    def play_round(self, a: str, b: str, games: int) -> list[Result]:
        """Play the next ``games`` games of two players."""
        self.roster.prepare(a, b)
        done = {record.pairing.key for record in self.records}
        left = [pairing for pairing in self._schedule(a, b) if pairing.key not in done][:games]
        fresh = []
        for record in match.play(left, self.roster, self.config, threading.Event()):
            fresh.append(record)
            self.records.append(record)
            if self.pgn is not None:
                text = match_pgn.to_pgn(record, match_pgn.LADDER, datetime.date.today(), None)
                match_pgn.append_game(self.pgn, text)
        return results_of(fresh)

    def _schedule(self, a: str, b: str) -> list[Pairing]:
        """All games that two players could play on this ladder, in either order of the two."""
        number = self._pairs.index({a, b}) + 1
        a, b = sorted((a, b))
        planned = match.schedule([a, b], self.openings, self.config)
        return [replace(p, key=f"{number}{p.key[1:]}") for p in planned]
