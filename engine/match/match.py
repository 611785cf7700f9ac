"""Matches: the schedule, several games in parallel, and the score.

Every opening is played twice with colours reversed. Games run in threads. Each thread has its own
instance of every player (a separate process for a UCI program), and networks evaluate the positions
of all running games in shared batches.
"""

import math
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from data_pipeline.common.errors import InputError
from engine.match.game import GameRecord, Pairing, Stopped, play_game
from engine.match.options import Adjudication, TimeControl
from engine.match.player_specs import PlayerSpec
from engine.match.players import Player, Roster
from engine.match.uci_client import ExternalPlayer


@dataclass(frozen=True)
class MatchConfig:
    """``games``: for each pairing of two players. ``gauntlet``: only the first player meets all
    others, instead of a round robin."""

    games: int
    gauntlet: bool = False
    concurrency: int = 1
    control: TimeControl | None = None
    adjudication: Adjudication = field(default_factory=Adjudication)
    judge: PlayerSpec | None = None

    def __post_init__(self) -> None:
        if self.games < 2 or self.games % 2:
            raise InputError(
                f"expected an even number of games per pairing, found {self.games}; every opening "
                "is played twice, with colours reversed"
            )
        if self.concurrency < 1:
            raise InputError(f"expected at least 1 game at a time, found {self.concurrency}")


def schedule(names: Sequence[str], openings: Sequence[str], config: MatchConfig) -> list[Pairing]:
    """All games of a match. ``openings``: FENs, at least games / 2 of them, the same for each
    pairing. All pairings play an opening before the next one, so that an early stop is fair."""
    if len(names) < 2:
        raise InputError(f"expected at least two players, found {len(names)}")
    pairs = [(names[0], other) for other in names[1:]]
    if not config.gauntlet:
        pairs = list(combinations(names, 2))
    games = []
    for opening in range(config.games // 2):
        for number, (a, b) in enumerate(pairs, start=1):
            for game, (white, black) in enumerate([(a, b), (b, a)], start=1):
                key = f"{number}.{opening + 1}.{game}"
                games.append(Pairing(key, len(games), white, black, openings[opening]))
    return games


def play(
    games: Sequence[Pairing], roster: Roster, config: MatchConfig, stop: threading.Event
) -> Iterator[GameRecord]:
    """Play ``games``, yielding each when it ends, in any order. Setting ``stop``, or closing the
    iterator, ends the threads after their current move."""
    waiting: queue.SimpleQueue[Pairing] = queue.SimpleQueue()
    for pairing in games:
        waiting.put(pairing)
    done: queue.SimpleQueue[GameRecord | Exception | None] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_work, args=(waiting, done, roster, config, stop), daemon=True)
        for _ in range(min(config.concurrency, len(games)))
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            outcome = done.get()
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is None:
                running -= 1
            else:
                yield outcome
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _work(waiting, done, roster: Roster, config: MatchConfig, stop: threading.Event) -> None:
    """A thread that plays one game after another. Puts None at its end, after any exception."""
    seats: dict[str, Player] = {}
    judge = ExternalPlayer(config.judge) if config.judge else None
    try:
        while not stop.is_set():
            try:
                pairing = waiting.get_nowait()
            except queue.Empty:
                break
            for name in (pairing.white, pairing.black):
                if name not in seats:
                    seats[name] = roster.seat(name)
            white, black = seats[pairing.white], seats[pairing.black]
            rules = (config.adjudication, config.control, judge)
            done.put(play_game(pairing, white, black, *rules, stopped=stop.is_set))
    except Stopped:
        pass
    except Exception as error:
        done.put(error)
    finally:
        for seat in (*seats.values(), *([judge] if judge else [])):
            seat.close()
        done.put(None)


@dataclass(frozen=True)
class Score:
    """The score of two players, from a's side. ``pair_scores``: of both games of each opening."""

    a: str
    b: str
    wins: int
    draws: int
    losses: int
    pair_scores: tuple[float, ...]

    @property
    def games(self) -> int:
        return self.wins + self.draws + self.losses

    @property
    def likelihood_of_superiority(self) -> float:
        """P(a is stronger than b), from decisive games only (normal approximation)."""
        decisive = self.wins + self.losses
        if not decisive:
            return 0.5
        return 0.5 * (1 + math.erf((self.wins - self.losses) / math.sqrt(2 * decisive)))


def scores(records: Sequence[GameRecord]) -> list[Score]:
    """The score of each pairing, in the order of the schedule; ``a`` is White in its odd games."""
    groups: dict[int, list[GameRecord]] = {}
    for record in sorted(records, key=lambda r: r.pairing.number):
        groups.setdefault(int(record.pairing.key.split(".")[0]), []).append(record)
    return [_score(group) for _, group in sorted(groups.items())]


def _score(records: Sequence[GameRecord]) -> Score:
    first = records[0].pairing
    odd = first.key.endswith(".1")
    a, b = (first.white, first.black) if odd else (first.black, first.white)
    points = [record.points_of(a) for record in records]
    pairs: dict[str, list[float]] = {}
    for record, point in zip(records, points, strict=True):
        pairs.setdefault(record.pairing.key.rpartition(".")[0], []).append(point)
    whole = tuple(sum(pair) for pair in pairs.values() if len(pair) == 2)
    wins, draws, losses = (points.count(x) for x in (1.0, 0.5, 0.0))
    return Score(a, b, wins, draws, losses, whole)


def faults(records: Sequence[GameRecord]) -> dict[str, dict[str, int]]:
    """Crashes, illegal moves and time losses by player; only players that had any."""
    found: dict[str, dict[str, int]] = {}
    for record in records:
        if record.fault is not None:
            name, kind = record.fault
            kinds = found.setdefault(name, {})
            kinds[kind] = kinds.get(kind, 0) + 1
    return found


def move_times_ms(records: Sequence[GameRecord]) -> dict[str, float]:
    """Each player's median time per move in milliseconds, as measured by the match."""
    spent: dict[str, list[float]] = {}
    for record in records:
        sides = [record.pairing.white, record.pairing.black]
        if " b " in record.pairing.fen:
            sides.reverse()
        for side, name in enumerate(sides):
            spent.setdefault(name, []).extend(record.times_s[side::2])
    return {name: 1000 * median(times) for name, times in spent.items() if times}
