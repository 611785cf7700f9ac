"""A UCI session: commands in, lines out, the network loaded and asked on a worker thread.

`Session.handle` never waits: what takes time goes to the one worker, in order. JAX, numpy and even
python-chess are imported only once ``uciok`` is out.
"""

import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.common.errors import ArgmaxError, InputError
from engine.networks import shipped_network
from uci.protocol.network_slot import NetworkSlot
from uci.protocol.options import MAX_SEED, Options, find, render_specs, specs_for, with_value
from uci.protocol.protocol import (
    Bare,
    Command,
    Debug,
    Go,
    Invalid,
    Position,
    SetOption,
    Unknown,
    render_bestmove,
    render_string,
    shorten,
)

if TYPE_CHECKING:
    import chess

    from engine.play.tablebase import Tablebase
    from uci.protocol.think import Loaded

NAME = f"Argmax {shipped_network().stem.removeprefix('argmax-')}"
AUTHOR = "the Argmax developers"


@dataclass
class Thought:
    """A ``go`` on its way: its bestmove is written once it is both found and released."""

    released: bool
    bestmove: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)


class Session:
    """One engine as one GUI sees it.

    ``write`` takes one line of output; it is called from two threads, one line at a time. ``load``
    makes a network file ready to play (on the worker; raises ArgmaxError or OSError). ``prepare``
    is what can be done before it is known which network is wanted, such as importing JAX.
    ``elo_range``: the strengths that the default network can be limited to, if any.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        load: Callable[[Path], "Loaded"],
        network: Path,
        *,
        prepare: Callable[[], None] = lambda: None,
        elo_range: tuple[int, int] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._output = write
        self._prepare = prepare
        self._clock = clock
        self._lock = threading.Lock()
        self._specs = specs_for(elo_range)
        self.options = Options(network=str(network), elo=elo_range[1] if elo_range else 0)
        self._defaults = self.options
        self._debug = False
        self._board: chess.Board | None = None
        self._game_seed = random.randrange(MAX_SEED)
        self._thought: Thought | None = None
        self._tablebase: Tablebase | None = None  # the worker's
        self._worker = ThreadPoolExecutor(1, "argmax-worker")
        self._last_job: Future | None = None
        self._last_answer: Future | None = None
        self._network = NetworkSlot(self._submit, load, self._tell, str(network))

    def handle(self, command: Command | None) -> None:
        """Carry out one command. ``quit`` is the caller's: stop reading, then `finish`."""
        match command:
            case Bare.UCI:
                self._introduce()
            case Bare.IS_READY:
                self._is_ready()
            case Bare.NEW_GAME:
                self._board = None
                self._game_seed = random.randrange(MAX_SEED)
            case Bare.STOP:
                self._stop()
            case Bare.PONDER_HIT:
                self._release()
            case Debug(on):
                self._debug = on
            case SetOption(name, value):
                self._set_option(name, value)
            case Position(fen, moves):
                self._set_position(fen, moves)
            case Go():
                self._go(command)
            case Invalid(problem):
                self._tell(problem)
            case Unknown(line) if self._debug:
                self._tell(f"unknown command '{line}'")

    def finish(self) -> bool:
        """Give the answers that are owed; returns whether the worker has come to rest as well."""
        self._release()
        if self._last_answer:
            self._last_answer.exception()  # waits for it
        self._worker.shutdown(wait=False, cancel_futures=True)
        return self._last_job is None or self._last_job.done()

    def _introduce(self) -> None:
        lines = [f"id name {NAME}", f"id author {AUTHOR}"]
        for line in [*lines, *render_specs(self._specs, self._defaults), "uciok"]:
            self._write(line)
        self._submit(self._prepare)

    def _is_ready(self) -> None:
        """At once, even while thinking; but a network that is still loading comes first."""
        if self._network.get().done():
            self._write("readyok")
        else:
            self._last_answer = self._submit(self._write, "readyok")

    def _set_option(self, name: str, value: str | None) -> None:
        spec = find(self._specs, name)
        if spec is None:
            self._tell(f"setoption: no option is called '{shorten(name)}'")
            return
        try:
            options = with_value(self.options, spec, value)
        except ValueError as error:
            self._tell(f"setoption: {error}")
            return
        if options.network != self.options.network:
            self._network.choose(options.network)
        if options.syzygy_path != self.options.syzygy_path:
            self._submit(self._open_tablebase, options.syzygy_path)
        self.options = options

    def _set_position(self, fen: str | None, moves: tuple[str, ...]) -> None:
        from uci.protocol.positions import after_moves, board_from_fen

        try:
            self._board = after_moves(board_from_fen(fen), moves)
        except InputError as error:
            self._tell(f"position: {error}; the old one stays")

    def _go(self, go: Go) -> None:
        import chess

        started = self._clock()
        self._stop()  # a GUI that forgot to still gets its bestmove
        for parameter in go.ignored:
            self._tell(f"go: expected a whole number, found '{parameter}'")
        if self._board is None:
            self._tell("go: no position was given; taking the starting position")
        board = self._board.copy() if self._board else chess.Board()
        thought = self._thought = Thought(released=not go.held)
        if "perft" in go.numbers:
            self._last_answer = self._submit(self._perft, thought, board, go.numbers["perft"])
            return
        network = self._network.get()
        job = (thought, network, go, board, self.options, self._game_seed, started)
        self._last_answer = self._submit(self._think, *job)

    def _think(
        self,
        thought: Thought,
        network: "Future[Loaded]",
        go: Go,
        board: "chess.Board",
        options: Options,
        game_seed: int,
        started: float,
    ) -> None:
        """On the worker: a bestmove follows whatever happens, since the GUI waits for it."""
        bestmove = render_bestmove(None)
        try:
            from uci.protocol.think import Request, think

            def elapsed_ms() -> int:
                return round(1000 * (self._clock() - started))

            request = Request(go, board, options, options.seed or game_seed, elapsed_ms)
            *lines, bestmove = think(request, network.result(), self._tablebase)
            for line in lines:
                self._write(line)
        except (ArgmaxError, OSError) as error:
            self._tell(f"go: {error}")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._tell(f"go: {type(error).__name__}: {error}")
        with self._lock:
            thought.bestmove = bestmove
            if thought.released:
                self._output(bestmove)

    def _stop(self) -> None:
        """Cut a perft short; all other thinking is short enough."""
        if self._thought:
            self._thought.stopped.set()
        self._release()

    def _release(self) -> None:
        """Let a held bestmove go, now or as soon as it is found."""
        thought = self._thought
        if thought is None:
            return
        with self._lock:
            if thought.bestmove and not thought.released:
                self._output(thought.bestmove)
            thought.released = True

    def _perft(self, thought: Thought, board: "chess.Board", depth: int) -> None:
        from uci.protocol.think import perft

        for line in perft(board, depth, thought.stopped.is_set):
            self._write(line)

    def _open_tablebase(self, folders: str) -> None:
        from engine.play.tablebase import open_tablebase

        try:
            opened = open_tablebase(folders)
        except (ArgmaxError, OSError) as error:
            self._tell(f"SyzygyPath: {error}; the tables opened before stay in use")
            return
        if self._tablebase:
            self._tablebase.close()
        self._tablebase = opened
        if opened:
            self._tell(f"SyzygyPath: {opened.count} tables, up to {opened.max_pieces} pieces")

    def _submit(self, call: Callable, /, *args: object) -> Future:
        self._last_job = self._worker.submit(call, *args)
        return self._last_job

    def _write(self, line: str) -> None:
        with self._lock:
            self._output(line)

    def _tell(self, text: str) -> None:
        self._write(render_string(text))
