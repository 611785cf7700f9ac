"""UCI programs as players: context managers that tell kinds of engine failures apart."""

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from types import TracebackType

import chess
import chess.engine

from data_pipeline.common import children
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.plain_text import shell_words
from data_pipeline.teachers.uci_options import bounds, check_options, split_option
from engine.match.player_specs import PlayerSpec

DEFAULT_MOVETIME_S = 0.05  # if neither the player nor a clock limits the time
START_TIMEOUT_S = 20.0
GRACE_S = 5.0  # an engine that is later than its time limit by this counts as hung
PATIENCE_S = 120.0  # the same for a move without a time limit


class EngineFault(ArgmaxError):
    """An engine failed in a game. ``kind``: crash, illegal move, or time loss."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def find_stockfish() -> str:
    """The path of Stockfish: ``$STOCKFISH``, on the PATH, or in Debian's directory of games.

    Raises ArgmaxError, which says how to install one, if there is none.
    """
    named = os.environ.get("STOCKFISH")
    path = named or shutil.which("stockfish") or shutil.which("/usr/games/stockfish")
    if path is None:
        raise ArgmaxError(
            "expected a Stockfish on the path or in $STOCKFISH, found none; "
            "install one ('apt-get install stockfish' on Debian)"
        )
    return path


class TolerantProtocol(chess.engine.UciProtocol):
    """python-chess's protocol, without the lines that it would reject or log at length."""

    def _line_received(self, line: str) -> None:
        kept = tolerable(line)
        if kept is not None:
            super()._line_received(kept)


OPTION_TYPES = ("check", "spin", "combo", "button", "string")


def tolerable(line: str) -> str | None:
    """A UCI program's line, made acceptable for python-chess: ``bestmove`` without the ponder move,
    which matches do not use, and options without their mistakes. None if the line is to be ignored:
    an option that cannot be parsed cannot be set."""
    if line.startswith("bestmove"):
        return " ".join(line.split()[:2])
    found = split_option(line)
    if found is None:
        return None if line.startswith("option") else line
    name, kind, rest = found
    default = re.search(r"\bdefault\s+(-?\d+)\b", rest)
    if kind not in OPTION_TYPES or (kind == "spin" and default is None):
        return None
    if kind == "string" and "default" not in rest:
        return f"option name {name} type string default {rest.strip()}"
    if kind == "spin" and default is not None:
        low, high = bounds(rest)
        value = int(default[1])
        if (low is not None and value < low) or (high is not None and value > high):
            return None
    if kind == "combo":
        _, *offered = re.split(r"\s+var\s+", rest)
        value = re.search(r"\bdefault\s+(.*?)(?:\s+var\s|$)", rest)
        if value is None or value[1].strip() not in map(str.strip, offered):
            return None
    return line


class ExternalPlayer:
    """A UCI program in its own process, playing one game at a time.

    The process is started on entry (or at the first move after it died) and ended on exit. It also
    ends if this process is killed.
    """

    def __init__(self, spec: PlayerSpec) -> None:
        self.spec = spec
        self.command: Sequence[str] = (
            [spec.settings.get("path") or find_stockfish()]
            if spec.kind == "stockfish"
            else shell_words(spec.target, "a UCI program")
        )
        self._engine: chess.engine.SimpleEngine | None = None
        self._game: object = None

    def __enter__(self) -> "ExternalPlayer":
        self._start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process: by ``quit`` at first, then by force."""
        engine = self._release()
        if engine is not None:
            try:
                engine.quit()
            except (TimeoutError, chess.engine.EngineError):
                engine.close()

    def new_game(self, number: int) -> None:
        """The next move is of another game. Starts the program now, so that no clock runs
        meanwhile."""
        self._game = number
        if self._engine is None:
            self._start()

    def play(self, board: chess.Board, limit: chess.engine.Limit | None = None) -> chess.Move:
        """The engine's move; ``limit`` has the clocks, if any.

        Raises EngineFault if the engine dies, plays an illegal move, or does not answer in time.
        """
        try:
            limit = self.limit(limit)
            engine = self._engine or self._start()
            answer = engine.protocol.play(board, limit, game=self._game)
            move = _wait(engine, answer, _patience_s(limit, board.turn)).move
        except chess.engine.EngineTerminatedError as error:
            self._release()
            raise EngineFault("crash", f"{self.spec.name} died: {error}") from None
        except TimeoutError:
            self._kill()
            raise EngineFault("time loss", f"{self.spec.name} did not answer in time") from None
        except chess.engine.EngineError as error:
            self._kill()
            raise EngineFault("illegal move", f"{self.spec.name}: {error}") from None
        if not move:  # None, or the null move
            raise EngineFault("illegal move", f"{self.spec.name} gave no move in {board.fen()}")
        return move

    def score_cp(self, board: chess.Board) -> int:
        """The engine's score in centipawns from White's point of view; a mate counts 100,000."""
        engine = self._engine or self._start()
        try:
            info = engine.analyse(board, self.limit(None), game=self._game)
        except chess.engine.EngineError as error:
            raise ArgmaxError(f"expected scores of the judge {self.spec.name}: {error}") from None
        return info["score"].white().score(mate_score=100_000) if "score" in info else 0

    def name_and_elo_range(self) -> tuple[str, tuple[int, int]]:
        """The program's name and the range of its UCI_Elo."""
        engine = self._engine or self._start()
        return engine.id.get("name", "?"), elo_range(engine)

    def limit(self, clocks: chess.engine.Limit | None) -> chess.engine.Limit:
        """The limits of a move: the player's own and the clocks."""
        settings = self.spec.settings
        limit = chess.engine.Limit() if clocks is None else clocks
        limit.nodes, limit.depth = settings.get("nodes"), settings.get("depth")
        limit.time = settings.get("movetime")
        if clocks is None and (limit.nodes, limit.depth, limit.time) == (None, None, None):
            limit.time = DEFAULT_MOVETIME_S
        return limit

    def _open(self) -> chess.engine.SimpleEngine:
        """Start the process; try once more if it dies at the start."""
        arguments = (TolerantProtocol, list(self.command))
        open_engine = chess.engine.SimpleEngine.popen
        try:
            engine = open_engine(*arguments, timeout=START_TIMEOUT_S, setpgrp=True)
        except chess.engine.EngineTerminatedError:
            engine = open_engine(*arguments, timeout=START_TIMEOUT_S, setpgrp=True)
        children.guard(engine.transport.get_pid())
        return engine

    def _start(self) -> chess.engine.SimpleEngine:
        try:
            engine = self._open()
        except (TimeoutError, OSError, chess.engine.EngineError) as error:
            reason = str(error) or "no answer to 'uci'"
            raise ArgmaxError(
                f"expected a UCI engine, '{' '.join(self.command)}' failed at its start: {reason}"
            ) from None
        self._engine = engine
        try:
            engine.configure(self._options(engine))
        except chess.engine.EngineError as error:
            self.close()
            raise InputError(f"expected options of {self.spec.text!r}: {error}") from None
        except InputError:
            self.close()
            raise
        return engine

    def _options(self, engine: chess.engine.SimpleEngine) -> dict[str, str]:
        options = dict(self.spec.options)
        settings = self.spec.settings
        if "elo" in settings:
            low, high = elo_range(engine)
            if not low <= settings["elo"] <= high:
                raise InputError(
                    f"expected elo={low} to {high} of {engine.id.get('name')}, found "
                    f"{self.spec.text!r}; weaker play: skill=0 with few nodes"
                )
            options |= {"UCI_LimitStrength": "true", "UCI_Elo": str(settings["elo"])}
        if "skill" in settings:
            options["Skill Level"] = str(settings["skill"])
        return check_options(options, engine.options, engine.id.get("name", self.spec.name))

    def _release(self) -> chess.engine.SimpleEngine | None:
        """Give up the engine, which has ended or is about to be ended."""
        engine, self._engine = self._engine, None
        if engine is not None:
            children.release(engine.transport.get_pid())
        return engine

    def _kill(self) -> None:
        engine = self._release()
        if engine is not None:
            engine.close()


def _wait(engine: chess.engine.SimpleEngine, answer, seconds: float):
    """The result of a coroutine on the engine's event loop. Raises TimeoutError."""
    waiting = asyncio.wait_for(answer, seconds)
    return asyncio.run_coroutine_threadsafe(waiting, engine.protocol.loop).result()


def _patience_s(limit: chess.engine.Limit, turn: chess.Color) -> float:
    """Seconds to wait for a move until the engine counts as hung."""
    clock = limit.white_clock if turn == chess.WHITE else limit.black_clock
    allowed = [seconds for seconds in (limit.time, clock) if seconds is not None]
    return min(allowed) + GRACE_S if allowed else PATIENCE_S


def elo_range(engine: chess.engine.SimpleEngine) -> tuple[int, int]:
    """The lowest and highest UCI_Elo of an engine. Raises InputError if it has no such option."""
    option = engine.options.get("UCI_Elo")
    if option is None or option.min is None or option.max is None:
        raise InputError(f"expected an engine with UCI_Elo, found {engine.id.get('name')}")
    return option.min, option.max
