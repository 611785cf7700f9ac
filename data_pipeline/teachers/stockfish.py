"""Scores of all legal moves of a position by a UCI engine such as Stockfish.

One process, spoken to in bytes: a search's whole output is read at once and matched by one regular
expression, since at depth 5 an engine prints some 150 lines in 7 milliseconds.
"""

import os
import re
import select
import subprocess
import time
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.dataset.records import PositionRecord, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_score

MAX_MULTIPV = 256  # above the most legal moves that a position can have, 218
_START_SECONDS = 10.0
_INFO = re.compile(
    rb"^info depth (\d+) [^\n]*?multipv \d+ score (cp|mate) (-?\d+) (?!lowerbound|upperbound)"
    rb"[^\n]*? pv (\S+)",
    re.MULTILINE,
)


class EngineFailed(ArgmaxError):
    """The engine died, hung or did not answer as a UCI engine does."""


@dataclass(frozen=True)
class Limit:
    """When a search ends: by depth in plies, by nodes, or by seconds; exactly one of them."""

    depth: int | None = None
    nodes: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.depth, self.nodes, self.seconds) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise InputError(
                "expected one limit above 0 of depth, nodes and seconds, found "
                f"depth {self.depth}, nodes {self.nodes}, seconds {self.seconds}"
            )

    def __str__(self) -> str:
        if self.depth:
            return f"depth {self.depth}"
        return f"{self.nodes} nodes" if self.nodes else f"{self.seconds} s"

    def command(self) -> bytes:
        """The ``go`` command."""
        if self.depth:
            return b"go depth %d\n" % self.depth
        if self.nodes:
            return b"go nodes %d\n" % self.nodes
        return b"go movetime %d\n" % round(1000 * (self.seconds or 0))


@dataclass(frozen=True)
class EngineConfig:
    """Which engine, how long it thinks about a position, and its options."""

    path: str
    limit: Limit
    options: dict[str, str] = field(default_factory=dict)
    clear_hash: bool = True
    """Forget everything before each position, so that its scores depend on it alone."""
    patience_seconds: float = 60.0
    """How long a search may take beyond a limit in seconds before the engine counts as hung."""

    @property
    def fingerprint(self) -> str:
        """What the scores depend on, as a text."""
        return f"{self.path} {self.limit} {sorted(self.options.items())} {self.clear_hash}"


class Stockfish:
    """A running engine; a context manager. Restarts itself once per position that it fails on."""

    def __init__(self, config: EngineConfig) -> None:
        """Start the engine. Raises InputError if it is no UCI engine or lacks an option."""
        self.config = config
        self.restarts = 0
        self.name = ""
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process = self._process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def annotate(self, record: PositionRecord) -> PositionRecord:
        """A position with at least one legal move -> it with all its moves scored.

        Where a limit in nodes or time is too short for all of them, the record is partial.
        A crash or a hang costs a restart, and the position is tried once more. Raises EngineFailed
        if that fails too; the engine is running again then.
        """
        try:
            return self._annotate(record)
        except (EngineFailed, OSError):
            self._restart()
        try:
            return self._annotate(record)
        except (EngineFailed, OSError) as error:
            self._restart()
            raise EngineFailed(str(error)) from error

    def _annotate(self, record: PositionRecord) -> PositionRecord:
        board = record.board
        forget = b"setoption name Clear Hash\n" if self.config.clear_hash else b""
        self._send(
            forget + b"position fen %b\n" % board.fen().encode() + self.config.limit.command()
        )
        patience = (self.config.limit.seconds or 0.0) + self.config.patience_seconds
        scores = parse_scores(self._read(b"bestmove", patience))
        legal = {move.uci() for move in board.legal_moves}
        whole = scores.keys() == legal
        if not (whole or (scores and scores.keys() < legal and not self.config.limit.depth)):
            raise EngineFailed(f"scored {len(scores)} of {len(legal)} legal moves")
        return make_record(
            board,
            np.array([ACTIONS[move] for move in scores], np.uint16),
            np.array([score for score, _ in scores.values()], np.int32),
            depth=min(255, min(depth for _, depth in scores.values())),
            complete=whole,
            clocks=record.clocks,
            state_score=record.state_score,
            played=record.played,
        )

    def _start(self) -> subprocess.Popen[bytes]:
        path = self.config.path
        try:
            process = subprocess.Popen(
                [path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"expected a UCI engine at {path}, found: {error.strerror}") from None
        self._process = process
        try:
            self._send(b"uci\n")
            found = re.search(
                rb"^id name (.*)$", self._read(b"uciok", _START_SECONDS), re.MULTILINE
            )
            self.name = found[1].decode().strip() if found else path
            options = {"MultiPV": str(MAX_MULTIPV), **self.config.options}
            lines = (f"setoption name {name} value {value}\n" for name, value in options.items())
            self._send("".join(lines).encode() + b"isready\n")
            answer = self._read(b"readyok", _START_SECONDS)
        except (EngineFailed, OSError) as error:
            self.close()
            why = error if isinstance(error, EngineFailed) else "ended at once"
            raise InputError(f"expected a UCI engine at {path}, found one that {why}") from None
        if unknown := re.search(rb"^No such option: (.*)$", answer, re.MULTILINE):
            self.close()
            raise InputError(f"expected options of {self.name}, found '{unknown[1].decode()}'")
        return process

    def _restart(self) -> None:
        self.restarts += 1
        self.close()
        self._process = self._start()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)

    def _read(self, word: bytes, patience: float) -> bytes:
        """The output up to the line that starts with ``word``."""
        assert self._process.stdout
        file = self._process.stdout.fileno()
        deadline = time.monotonic() + patience
        output = b"\n"
        while True:
            at = output.rfind(b"\n" + word)
            if at >= 0 and output.find(b"\n", at + 1) >= 0:
                return output
            ready, _, _ = select.select([file], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise EngineFailed(f"said no '{word.decode()}' within {patience:g} s")
            chunk = os.read(file, 1 << 16)
            if not chunk:
                raise EngineFailed(f"ended before it said '{word.decode()}'")
            output += chunk.replace(b"\r", b"")


def parse_scores(output: bytes) -> dict[str, tuple[int, int]]:
    """A search's output -> {move: (score from the side to move, depth)}, the last word on each."""
    scores = {}
    for depth, kind, number, move in _INFO.findall(output):
        score = int(number)
        if kind == b"cp":
            score = max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, score))
        else:
            score = mate_score(score) if score else -MAX_CENTIPAWNS
        scores[move.decode()] = (score, int(depth))
    return scores
