"""Blocks of work for an engine, and what has been done of them.

The engine's time is the dear part of a run. So its work is cut into blocks, and each finished block
is kept as a bag in the unfinished dataset's directory, under a name made from all that its content
depends on: a run that was interrupted takes it from there.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from data_pipeline.beam.pieces import Piece, write_piece
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import position_hash
from data_pipeline.dataset.records import Keyed
from data_pipeline.sources.entries import Rejected, parse_fen
from data_pipeline.teachers.options import EngineConfig, GameOptions
from data_pipeline.teachers.selfplay import Game, Player, play_games
from data_pipeline.teachers.stockfish import EngineFailed, Stockfish

Result = Keyed | Rejected


class Work(Protocol):
    """A kind of work, which can be sent to a worker."""

    @property
    def engine(self) -> EngineConfig:
        """The engine that does it."""
        ...

    @property
    def fingerprint(self) -> str:
        """All that the results depend on, beside the block itself."""
        ...

    def do(self, block: Sequence[Any], engine: Stockfish) -> Iterator[Result]:
        """The results of a block, given a running engine."""
        ...


@dataclass(frozen=True)
class Annotation:
    """Positions -> the same positions with all their moves scored."""

    engine: EngineConfig
    keep_scores: bool = False
    """Whether positions that have scored moves keep them, and only the engine's deeper stages are
    searched; see `EngineConfig.then`."""

    @property
    def fingerprint(self) -> str:
        """The engine and its limits."""
        return self.engine.fingerprint + " scores kept" * self.keep_scores

    def do(self, block: Sequence[Keyed], engine: Stockfish) -> Iterator[Result]:
        """Score each position."""
        for key, data, split in block:
            record = records.decode(data)
            kept = self.keep_scores and len(record.actions) > 0
            search = engine.deepen if kept else engine.annotate
            try:
                yield key, records.encode(search(record)), split
            except EngineFailed as failure:
                yield Rejected("", 0, f"engine {failure}", record.board.fen())


@dataclass(frozen=True)
class SelfPlay:
    """Numbered openings -> the scored positions of games played from them."""

    engine: EngineConfig
    games: GameOptions
    make_player: Callable[[], Player] | None = None
    player: str = ""
    """What the player is, by its content; empty where the engine's own scores choose."""
    _made: list[Player] = field(default_factory=list, compare=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """The engine, the games' options and the player."""
        return f"{self.engine.fingerprint} {self.games} {self.player}"

    def do(self, block: Sequence[tuple[int, str]], engine: Stockfish) -> Iterator[Result]:
        """Play a game from each opening."""
        if self.make_player and not self._made:
            self._made.append(self.make_player())
        games = [Game(number, parse_fen(fen)[0], self.games) for number, fen in block]
        for result in play_games(games, engine, self._made[0] if self._made else None):
            if isinstance(result, EngineFailed):
                yield Rejected("", 0, f"engine {result}", "")
            else:
                yield position_hash(result.board), records.encode(result), ""


class Worker:
    """Does blocks with one engine that stays alive between them, and keeps what it has done."""

    def __init__(self, work: Work, directory: Path) -> None:
        self.work = work
        self.directory = directory
        self._stack = ExitStack()
        self._engine: Stockfish | None = None

    @property
    def identity(self) -> tuple[str, Path]:
        """The work, and where its results are kept."""
        return self.work.fingerprint, self.directory

    @property
    def restarts(self) -> int:
        """How often the engine had to be started again."""
        return self._engine.restarts if self._engine else 0

    def path_of(self, block: Sequence[Any]) -> Path:
        """Where a block's results are kept: named by a hash of all that they depend on."""
        name = hashlib.blake2b(repr((self.work.fingerprint, block)).encode(), digest_size=16)
        return self.directory / f"{name.hexdigest()}.bag"

    def do(self, block: Sequence[Any]) -> list[Result]:
        """The results of a block, done now or found done. Failures are tried again next time."""
        path = self.path_of(block)
        if path.exists():
            return list(Piece(str(path)).read())
        if self._engine is None:
            self._engine = self._stack.enter_context(Stockfish(self.work.engine))
        results = list(self.work.do(block, self._engine))
        done = [result for result in results if not isinstance(result, Rejected)]
        if len(done) == len(results):
            write_piece(path, done)
        return results

    def close(self) -> None:
        """End the engine."""
        self._stack.close()
        self._engine = None


class IdleWorkers:
    """The idle workers of this process.

    Some runners set a step up and tear it down for every few elements. In between, its worker is
    kept here with its engine running and its player loaded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def take(self, work: Work, directory: Path) -> Worker:
        """An idle worker for this work, or a new one. Closes idle workers for other work."""
        wanted = (work.fingerprint, directory)
        with self._lock:
            others = [worker for worker in self._idle if worker.identity != wanted]
            self._idle = [worker for worker in self._idle if worker.identity == wanted]
            found = self._idle.pop() if self._idle else Worker(work, directory)
        for worker in others:
            worker.close()
        return found

    def give_back(self, worker: Worker) -> None:
        """Keep a worker for the next block."""
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """Close all idle workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()


idle_workers = IdleWorkers()
"""The idle workers of this process."""
