"""Games between engines: networks, Stockfish levels, any UCI program, a random mover.

Players: network:FILE,temperature=0.1 | stockfish:elo=1500 | stockfish:skill=0,nodes=1000 |
uci:PROGRAM,depth=1 | teacher:depth=5,then=10x3 (the best move by labels of these stages) | random.
Every opening is played twice, with colours reversed. To resume after an interruption, run the same
command again: games in the PGN are not played again.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import FiniteFloat, NonNegativeInt, NumGames, PositiveInt, Range
from engine.match.options import Adjudication, TimeControl


@dataclass(frozen=True)
class Args:
    opponents: tuple[str, ...]
    """Two or more players; a single one plays against the shipped network."""
    games: NumGames = 100
    """Games per pairing; even."""
    openings: Path | None = None
    """Positions to start from, EPD or FEN (default: fifty well-known openings)."""
    pgn: Path | None = None
    """File for the games; an interrupted match is resumed from it."""
    gauntlet: bool = False
    """The first player plays against each other one, instead of a round robin."""
    concurrency: PositiveInt | None = None
    """Number of games in parallel (default: one per core with UCI programs, otherwise 32)."""
    clock: str | None = None
    """Base time + increment per move in seconds, such as 10+0.1 (default: players' own limits)."""
    max_moves: PositiveInt = Adjudication.max_moves
    """Draw games after this many moves."""
    judge: str | None = None
    """A player, such as stockfish:nodes=20000, whose scores end decided games early."""
    sprt: tuple[FiniteFloat, FiniteFloat] | None = None
    """Stop as soon as one of these two Elo differences is accepted (SPRT)."""
    alpha: Annotated[float, Range(0, 0.5, open=True)] = 0.05
    """SPRT: probability of wrongly accepting the second difference."""
    beta: Annotated[float, Range(0, 0.5, open=True)] = 0.05
    """SPRT: probability of wrongly accepting the first difference."""
    seed: NonNegativeInt = 0
    """Seed for openings and for random choices in games."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Play, append games to the PGN as they end, and report."""
    from engine.match.pgn import locked

    with locked(args.pgn):
        return _run(args)


def _run(args: Args) -> int:
    import datetime
    import threading

    from data_pipeline.common.terminal import PlainConsole, report_console
    from engine.match import match
    from engine.match import pgn as match_pgn
    from engine.match.openings import choose_openings, read_openings
    from engine.match.player_specs import parse_spec, parse_specs
    from engine.match.players import Roster
    from engine.match.summary import report
    from engine.rating.sprt import Sprt
    from uci.terminal.match_table import MatchTable, table

    texts = args.opponents if len(args.opponents) > 1 else ("network", *args.opponents)
    specs = parse_specs(texts)
    for spec in specs:
        if spec.name != (usual := parse_spec(spec.text).name):
            say(f"{spec.text} is '{spec.name}': '{usual}' plays already", file=sys.stderr)
    config = _config(args, any(spec.external for spec in specs))
    sprt = Sprt(*args.sprt, args.alpha, args.beta) if args.sprt else None
    openings = choose_openings(read_openings(args.openings), args.games // 2, args.seed)
    games = match.schedule([spec.name for spec in specs], openings, config)
    records = match_pgn.resume(args.pgn, games) if args.pgn else []
    if records:
        say(f"{len(records)} of {len(games)} games are in {args.pgn}", file=sys.stderr)
    done = {record.pairing.key for record in records}
    left = [pairing for pairing in games if pairing.key not in done]
    if records and sprt is not None and sprt.decision(match.scores(records)[0].pair_scores):
        left = []
    stop = threading.Event()
    console = PlainConsole(stderr=True)
    with (
        Roster(specs, args.seed, config.concurrency) as roster,
        MatchTable(len(games), len(records), sprt, console) as shown,
    ):
        roster.prepare()
        for record in match.play(left, roster, config, stop) if left else ():
            records.append(record)
            if args.pgn:
                today = datetime.date.today()
                text = match_pgn.to_pgn(record, match_pgn.MATCH, today, config.control)
                match_pgn.append_game(args.pgn, text)
            if record.fault is not None:
                console.print(f"round {record.pairing.key}: {record.reason}")
            shown.update(records)
            if sprt is not None and sprt.decision(match.scores(records)[0].pair_scores):
                stop.set()
                break
    figures = report(records, sprt)
    if args.json:
        print(json.dumps(figures))
    else:
        report_console().print(table(figures))
        _say(figures)
    return 0


def _config(args: Args, external: bool):
    """The match's configuration from the arguments. Raises InputError."""
    from data_pipeline.common.errors import InputError
    from engine.match.match import MatchConfig
    from engine.match.player_specs import parse_spec

    control = None
    if args.clock is not None:
        base, _, increment = args.clock.partition("+")
        try:
            control = TimeControl(float(base), float(increment or 0))
        except ValueError:
            raise InputError(f"expected --clock SECONDS+SECONDS, found {args.clock!r}") from None
    judge = parse_spec(args.judge) if args.judge else None
    if judge is not None and judge.kind not in ("stockfish", "uci"):
        raise InputError(f"expected a UCI engine as the judge, found {args.judge!r}")
    if args.sprt and len(args.opponents) > 2:
        raise InputError(f"expected two players for SPRT, found {len(args.opponents)}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    concurrency = args.concurrency or ((cores or 1) if external else 32)
    adjudication = Adjudication(max_moves=args.max_moves)
    return MatchConfig(args.games, args.gauntlet, concurrency, control, adjudication, judge)


def _say(figures: dict) -> None:
    """Print the rest of the report."""
    times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in figures["ms_per_move"].items())
    say(f"median time per move, as measured by the match: {times}")
    ends = ", ".join(f"{count} {kind}" for kind, count in figures["terminations"].items())
    say(f"{figures['games']} games ended: {ends}")
    for name, kinds in figures["faults"].items():
        say(f"faults of {name}: " + ", ".join(f"{n} x {kind}" for kind, n in kinds.items()))
