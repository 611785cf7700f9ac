"""Players: networks, random movers and UCI programs with one interface.

A match runs several games in threads, each with its own instance of both players. The instances of
a network share batched passes: positions that arrive during a pass are evaluated in the next one.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import chess
import chess.engine
import numpy as np

from data_pipeline.common.errors import InputError
from engine.match.player_specs import CHOICES, PlayerSpec
from engine.match.teacher import TeacherPlayer
from engine.match.uci_client import ExternalPlayer
from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine


class Player(Protocol):
    """A player that plays one game at a time."""

    def new_game(self, number: int) -> None:
        """A new game starts; ``number`` seeds the random choices in it."""

    def play(self, board: chess.Board, limit: chess.engine.Limit | None = None) -> chess.Move:
        """A move. May raise `engine.match.uci_client.EngineFault`."""
        ...

    def close(self) -> None:
        """Release what belongs to this instance, such as a process."""


class RandomPlayer:
    """Plays legal moves uniformly at random, seeded by ``seed`` and the number of the game."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._rng = np.random.default_rng(seed)

    def new_game(self, number: int) -> None:
        self._rng = np.random.default_rng((self.seed, number))

    def play(self, board: chess.Board, limit: chess.engine.Limit | None = None) -> chess.Move:
        moves = sorted(board.legal_moves, key=chess.Move.uci)
        return moves[self._rng.integers(len(moves))]

    def close(self) -> None:
        pass


PAUSE_S = 0.002
"""A batch is complete when no request follows for so long."""

_computes = threading.Lock()
"""Held during a pass. Requests of another network meanwhile become one batch, and the cores are not
shared."""


class Batcher:
    """Answers requests for single positions from many threads with batched passes of one engine.

    A batch has the requests that arrived during the last pass and those that follow without a
    pause: games whose moves come from one pass ask for their next ones almost together. It has at
    most ``largest``, the number of games that run, so that a single game is not delayed. A context
    manager.
    """

    def __init__(self, engine: SearchlessEngine, largest: int = 1) -> None:
        self.engine, self.largest = engine, largest
        self._requests: queue.SimpleQueue[tuple[chess.Board, Future[Analysis]] | None]
        self._requests = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Batcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.put(None)
        self._thread.join()

    def analyse(self, board: chess.Board) -> Analysis:
        """The analysis of one position; blocks until its batch is done."""
        answer: Future[Analysis] = Future()
        self._requests.put((board, answer))
        return answer.result()

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            batch = [request]
            try:
                with _computes:
                    self._gather(batch)
                    analyses = self.engine.analyse_many([board for board, _ in batch])
                for (_, answer), analysis in zip(batch, analyses, strict=True):
                    answer.set_result(analysis)
            except Exception as error:  # passed on to the callers
                for _, answer in batch:
                    answer.set_exception(error)

    def _gather(self, batch: list[tuple[chess.Board, Future[Analysis]]]) -> None:
        """Complete a batch."""
        while len(batch) < self.largest:
            try:
                waiting = self._requests.get(timeout=PAUSE_S)
            except queue.Empty:
                return
            if waiting is None:
                self._requests.put(None)
                return
            batch.append(waiting)


class NetworkPlayer:
    """A network as a player: evaluates with a shared batcher, chooses with a generator per game."""

    def __init__(self, batcher: Batcher, seed: int = 0) -> None:
        self.batcher, self.seed = batcher, seed
        self._rng = np.random.default_rng(seed)

    def new_game(self, number: int) -> None:
        self._rng = np.random.default_rng((self.seed, number))

    def play(self, board: chess.Board, limit: chess.engine.Limit | None = None) -> chess.Move:
        return self.batcher.engine.choose(self.batcher.analyse(board), self._rng)

    def close(self) -> None:
        pass


class Roster:
    """Makes instances of players by name; each network is loaded once, and closed at the end.

    Players whose spec has no seed get ``seed`` and the numbers after it: with the same one, the two
    players of a game would draw alike. Networks are compiled for batches of up to ``at_once``
    positions. A context manager; safe to use from several threads.
    """

    def __init__(self, specs: Sequence[PlayerSpec], seed: int = 0, at_once: int = 1) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.seeds = {
            spec.name: spec.settings.get("seed", seed + place) for place, spec in enumerate(specs)
        }
        self.at_once = at_once
        self._open = ExitStack()
        self._lock = threading.Lock()
        self._makers: dict[str, Callable[[], Player]] = {}

    def __enter__(self) -> "Roster":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def prepare(self, *names: str) -> None:
        """Load or start these players (by default all), so that errors show before the first
        game."""
        with self._lock:
            for name in names or self.specs:
                if name not in self._makers:
                    self._makers[name] = self._maker(self.specs[name], self._open)

    def seat(self, name: str) -> Player:
        """A new instance of a player that was prepared; the caller closes it."""
        return self._makers[name]()

    def _maker(self, spec: PlayerSpec, stack: ExitStack) -> Callable[[], Player]:
        seed = self.seeds[spec.name]
        if spec.kind == "random":
            return lambda: RandomPlayer(seed)
        if spec.kind == "teacher":
            TeacherPlayer(spec).close()
            return lambda: TeacherPlayer(spec)
        if spec.external:
            with ExternalPlayer(spec):
                return lambda: ExternalPlayer(spec)
        batcher = stack.enter_context(Batcher(open_network(spec, self.at_once), self.at_once))
        return lambda: NetworkPlayer(batcher, seed)


@dataclass(frozen=True)
class Chosen:
    """A player's move, as a ranking with one move."""

    moves: tuple[chess.Move, ...]


class MoveByMove:
    """A player as a solver of unrelated positions."""

    def __init__(self, player: Player) -> None:
        self.player = player

    def analyse_many(self, boards: Sequence[chess.Board]) -> list[Chosen]:
        """The player's move in each position, each as in a new game."""
        return [self._analyse(number, board) for number, board in enumerate(boards)]

    def _analyse(self, number: int, board: chess.Board) -> Chosen:
        self.player.new_game(number)
        return Chosen((self.player.play(board),))


@contextmanager
def open_solver(spec: PlayerSpec) -> Iterator[tuple[SearchlessEngine | MoveByMove, str, int]]:
    """A player as a solver of positions, its name, and its batch size in positions."""
    if spec.kind == "network":
        engine = open_network(spec)
        name = engine.predictor.network.name  # pyright: ignore[reportAttributeAccessIssue]
        yield engine, name, 512
        return
    with Roster([spec]) as roster:
        roster.prepare()
        player = roster.seat(spec.name)
        try:
            yield MoveByMove(player), spec.name, 1
        finally:
            player.close()


def open_network(spec: PlayerSpec, at_once: int = 0) -> SearchlessEngine:
    """The engine of a ``network`` spec. ``at_once``: compile passes of up to so many positions."""
    from engine.play import load_engine
    from engine.play.move_choice import Choice
    from model.training.runtime import keep_freed_memory

    settings = spec.settings
    try:
        choice = Choice(**{key: settings[key] for key in CHOICES if key in settings})
    except ValueError as error:
        raise InputError(f"{error} in {spec.text!r}") from None
    keep_freed_memory()
    rules = settings.get("rules", True)
    return load_engine(spec.target or None, rules=rules, choice=choice, warm=at_once)
