"""Scores of all legal moves of a position, by a UCI engine such as Stockfish.

The output of a search is read as bytes and parsed by one regular expression, since at depth 5 an
engine prints about 150 lines in 7 milliseconds.
"""

import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from typing import Self

import chess
import numpy as np

from data_pipeline.common import children
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.dataset import merging
from data_pipeline.dataset.records import PositionRecord, make_record
from data_pipeline.encoding.actions import ACTIONS, MOVES
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_score
from data_pipeline.teachers.options import MAX_MULTIPV, EngineConfig, Limit, Stage
from data_pipeline.teachers.uci_options import check_options, offered_options

_START_SECONDS = 10.0
_INFO = re.compile(
    rb"^info depth (\d+) [^\n]*?multipv (\d+) score (cp|mate) (-?\d+) (?!lowerbound|upperbound)"
    rb"[^\n]*? pv (\S+)",
    re.MULTILINE,
)


class EngineFailed(ArgmaxError):
    """The engine died, hung, or did not answer as a UCI engine does."""


class EngineDied(EngineFailed):
    """The engine's process ended."""


class Stockfish:
    """A running engine; a context manager. It is restarted when it fails on a position."""

    def __init__(self, config: EngineConfig) -> None:
        """Start the engine, with a second attempt if it dies at the start.

        Raises InputError if it is not a UCI engine or does not have an option.
        """
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
        children.release(process.pid)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def annotate(self, record: PositionRecord) -> PositionRecord:
        """Score all moves of a position with at least one legal move, and merge the scores of
        deeper stages.

        If a limit in nodes or time is too short for all moves, the record is incomplete. After a
        crash or a hang the engine is restarted, and the position is tried once more. Raises
        EngineFailed if that fails too; the engine is running again then.
        """
        return self._tried_twice(self._annotate, record)

    def deepen(self, record: PositionRecord) -> PositionRecord:
        """Merge the scores of deeper stages into a position's scored moves; see `annotate`."""
        return self._tried_twice(self._deepen, record)

    def _tried_twice(
        self, search: Callable[[PositionRecord], PositionRecord], record: PositionRecord
    ) -> PositionRecord:
        try:
            return search(record)
        except (EngineFailed, OSError):
            self._restart()
        try:
            return search(record)
        except (EngineFailed, OSError) as error:
            self._restart()
            raise EngineFailed(str(error)) from error

    def _annotate(self, record: PositionRecord) -> PositionRecord:
        board = record.board
        self._set_up(board)
        scores = parse_scores(self._search(self.config.limit))
        legal = {move.uci() for move in board.legal_moves}
        whole = scores.keys() == legal
        if not (whole or (scores and scores.keys() < legal and not self.config.limit.depth)):
            raise EngineFailed(f"scored {len(scores)} of {len(legal)} legal moves")
        made = make_record(
            board,
            np.array([ACTIONS[move] for move in scores], np.uint16),
            np.array([score for score, _ in scores.values()], np.int32),
            depth=min(255, min(depth for _, depth in scores.values())),
            complete=whole,
            clocks=record.clocks,
            state_score=record.state_score,
            played=record.played,
        )
        return self._with_stages(made)

    def _deepen(self, record: PositionRecord) -> PositionRecord:
        self._set_up(record.board)
        return self._with_stages(record)

    def _set_up(self, board: chess.Board) -> None:
        forget = b"setoption name Clear Hash\n" if self.config.clear_hash else b""
        self._send(forget + b"position fen %b\n" % board.fen().encode())

    def _with_stages(self, record: PositionRecord) -> PositionRecord:
        """Run the stages, keeping the hash between searches; the position is set up."""
        for stage in self.config.then:
            self._send(b"setoption name MultiPV value %d\n" % stage.moves)
            searches = merging.searches_of(record)
            scores, _ = merging.merge(searches)
            top = max(scores.values(), default=0)
            bests = [move for move, score in scores.items() if score == top]
            searches.append(self._stage(stage, ""))
            if bests and not searches[-1].scores.keys() & set(bests):
                searches.append(self._stage(stage, MOVES[bests[0]]))
            record = merging.with_searches(record, searches)
        if self.config.then:
            self._send(b"setoption name MultiPV value %d\n" % MAX_MULTIPV)
        return record

    def _stage(self, stage: Stage, only: str) -> merging.Search:
        """One search, of all moves or ``only`` of one."""
        found = parse_best(self._search(stage.limit, only), stage.moves)
        if not found:
            raise EngineFailed("scored no move in a deeper stage")
        scores = {ACTIONS[move]: score for move, (score, _) in found.items()}
        depth = min(255, min(depth for _, depth in found.values()))
        return merging.Search(depth, scores, restricted=bool(only))

    def _search(self, limit: Limit, only: str = "") -> bytes:
        """The output of a search of the current position."""
        moves = f" searchmoves {only}".encode() if only else b""
        self._send(limit.command().rstrip(b"\n") + moves + b"\n")
        return self._read(b"bestmove", (limit.seconds or 0.0) + self.config.patience_seconds)

    def _start(self) -> subprocess.Popen[bytes]:
        path = self.config.path
        try:
            answer = self._shake_hands_or_retry()
        except EngineFailed as error:
            raise InputError(f"expected a UCI engine at {path}, found one that {error}") from None
        if unknown := re.search(rb"^No such option: (.*)$", answer, re.MULTILINE):
            self.close()
            raise InputError(f"expected options of {self.name}, found '{unknown[1].decode()}'")
        return self._process

    def _shake_hands_or_retry(self) -> bytes:
        try:
            return self._shake_hands()
        except EngineDied:
            return self._shake_hands()

    def _shake_hands(self) -> bytes:
        """Start the process and set its options; returns its answer."""
        self._process = self._spawn()
        try:
            self._send(b"uci\n")
            greeting = self._read(b"uciok", _START_SECONDS)
            found = re.search(rb"^id name (.*)$", greeting, re.MULTILINE)
            self.name = found[1].decode("utf-8", "replace").strip() if found else self.config.path
            offered = offered_options(greeting.decode("utf-8", "replace"))
            options = check_options(self.config.options, offered, self.name)
            lines = [f"setoption name MultiPV value {MAX_MULTIPV}\n"]
            for name, value in options.items():
                lines.append(f"setoption name {name}" + f" value {value}" * bool(value) + "\n")
            self._send("".join(lines).encode() + b"isready\n")
            return self._read(b"readyok", _START_SECONDS)
        except (EngineFailed, InputError):
            self.close()
            raise
        except OSError:
            self.close()
            raise EngineDied("ended at once") from None

    def _spawn(self) -> subprocess.Popen[bytes]:
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
        children.guard(process.pid)
        return process

    def _restart(self) -> None:
        self.restarts += 1
        self.close()
        self._process = self._start()

    def _send(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)

    def _read(self, word: bytes, patience: float) -> bytes:
        """The output up to a line that starts with ``word``."""
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
                raise EngineDied(f"ended before it said '{word.decode()}'")
            output += chunk.replace(b"\r", b"")


def parse_scores(output: bytes) -> dict[str, tuple[int, int]]:
    """A search's output -> {move: (score for the side to move, depth)}, from the last line of
    each."""
    return {
        move.decode(): (_score(kind, number), int(depth))
        for depth, _, kind, number, move in _INFO.findall(output)
    }


def parse_best(output: bytes, moves: int) -> dict[str, tuple[int, int]]:
    """As `parse_scores` for the best ``moves`` only: the last line of each rank, best first."""
    by_rank = {}
    for depth, rank, kind, number, move in _INFO.findall(output):
        by_rank[int(rank)] = (move.decode(), _score(kind, number), int(depth))
    best: dict[str, tuple[int, int]] = {}
    for rank in range(1, moves + 1):
        if rank in by_rank:
            move, score, depth = by_rank[rank]
            best.setdefault(move, (score, depth))
    return best


def _score(kind: bytes, number: bytes) -> int:
    score = int(number)
    if kind == b"cp":
        return max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, score))
    return mate_score(score) if score else -MAX_CENTIPAWNS
