"""A UCI session: commands in, lines out, the network loaded and asked on a worker thread.

`Session.handle` never waits: what takes time goes to the one worker, in order. JAX, numpy and even
python-chess are imported only after ``uciok`` is out; the network is then loaded in the background.
"""

import contextlib
import random
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.plain_text import shorten
from engine.networks import shipped_network
from uci.protocol.network_slot import NetworkSlot, describe
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
)

if TYPE_CHECKING:
    import chess

    from engine.play.tablebase import Tablebase
    from uci.protocol.think import Answer, Loaded

NAME = f"Argmax {shipped_network().stem.removeprefix('argmax-')}"
AUTHOR = "the Argmax developers"


REPEAT_SECONDS = 0.075
"""After this time the ``info`` block is sent again, for GUIs that miss or drop a first one."""


@dataclass
class Thought:
    """A ``go`` on its way: its bestmove is written once it is both found and released."""

    released: bool
    answer: "Answer | None" = None
    given: bool = False
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
        self._position_failed = False
        self._game_seed = random.randrange(MAX_SEED)
        self._thought: Thought | None = None
        self._tablebase: Tablebase | None = None  # the worker's
        self._worker = ThreadPoolExecutor(1, "argmax-worker")
        self._last_answer: Future | None = None
        self._last_setting: Future | None = None
        self._goes: deque[Future] = deque()
        self._network = NetworkSlot(self._submit, load, self._tell, str(network))

    def handle(self, command: Command | None) -> None:
        """Carry out one command; ``quit`` is the caller's: stop reading, then call `quit`."""
        match command:
            case Bare.UCI:
                self._introduce()
            case Bare.IS_READY:
                self._is_ready()
            case Bare.NEW_GAME:
                self._board, self._position_failed = None, False
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
            case Invalid(problem, command="position"):
                self._reject_position(problem)
            case Invalid(problem):
                self._tell(problem)
            case Unknown(line) if self._debug:
                self._tell(f"unknown command '{line}'")

    def finish(self) -> None:
        """Give all answers that are owed; what else the worker does may go on."""
        self._release()
        if self._last_answer:
            self._last_answer.exception()  # waits for it
        self._shut_down()

    def quit(self, patience_seconds: float = 0.0) -> None:
        """As `finish`, but only the last of several ``go`` is answered, if it takes no longer than
        that; by default nothing is waited for."""
        self._stop()
        for go in list(self._goes)[:-1]:
            go.cancel()
        if self._last_answer and patience_seconds:
            with contextlib.suppress(TimeoutError):
                self._last_answer.exception(patience_seconds)
        self._shut_down()

    def _shut_down(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _introduce(self) -> None:
        lines = [f"id name {NAME}", f"id author {AUTHOR}"]
        for line in [*lines, *render_specs(self._specs, self._defaults), "uciok"]:
            self._write(line)
        self._submit(self._prepare)
        self._submit(self._network.load_early)

    def _is_ready(self) -> None:
        """At once, even while thinking; but what ``setoption`` asked for comes first."""
        settings = (self._network.get(), self._last_setting)
        if all(setting is None or setting.done() for setting in settings):
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
            self._last_setting = self._submit(self._open_tablebase, options.syzygy_path)
        self.options = options

    def _set_position(self, fen: str | None, moves: tuple[str, ...]) -> None:
        from uci.protocol.positions import after_moves, board_from_fen

        try:
            self._board = after_moves(board_from_fen(fen), moves)
            self._position_failed = False
        except InputError as error:
            self._reject_position(f"position: {error}")

    def _reject_position(self, problem: str) -> None:
        """A move in any other position would be wrong, so there is none until a good one comes."""
        self._tell(f"{problem}; go has no move until the next position")
        self._board, self._position_failed = None, True

    def _go(self, go: Go) -> None:
        import chess

        started = self._clock()
        self._stop()  # a GUI that forgot to still gets its bestmove
        for parameter in go.ignored:
            self._tell(f"go: expected a whole number, found '{parameter}'")
        if self._board is None and not self._position_failed:
            self._tell("go: no position was given; taking the starting position")
        board = self._board.copy() if self._board else chess.Board()
        thought = self._thought = Thought(released=not go.held)
        if self._position_failed:
            job = self._submit(self._answer_without_position, thought)
        elif "perft" in go.numbers:
            job = self._submit(self._perft, thought, board, go.numbers["perft"])
        else:
            network, seed = self._network.get(), self._game_seed
            setting = (board, self.options, seed, started)
            job = self._submit(self._think, thought, network, go, *setting)
        self._last_answer = job
        self._goes.append(job)
        while self._goes[0].done() and len(self._goes) > 1:
            self._goes.popleft()

    def _answer_without_position(self, thought: Thought) -> None:
        from uci.protocol.think import Answer

        self._give(thought, Answer(render_bestmove(None)), None)

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
        from uci.protocol.think import Answer, Request, think

        def elapsed_ms() -> int:
            return round(1000 * (self._clock() - started))

        answer, repeat_after = Answer(render_bestmove(None)), None
        try:
            request = Request(go, board, options, options.seed or game_seed, elapsed_ms)
            answer = think(request, network.result(), self._tablebase)
            repeat_after = repeat_seconds(go, board.turn, options.multipv)
        except (ArgmaxError, OSError) as error:
            self._tell(f"go: {error}")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self._tell(f"go: {type(error).__name__}: {error}")
        self._give(thought, answer, repeat_after)

    def _give(self, thought: Thought, answer: "Answer", repeat_after: float | None) -> None:
        """Write an answer as far as it is released, and its block again ``repeat_after`` seconds.

        ``stop`` ends the wait; it and ``ponderhit`` give the rest of a held answer at once.
        """
        wait = repeat_after is not None and not thought.stopped.is_set()
        with self._lock:
            self._output_all(answer.notes)
            self._output_all(answer.block)
            thought.answer = answer
            if thought.released and not wait:
                self._finish_answer(thought)
        if not wait:
            return
        thought.stopped.wait(repeat_after)
        with self._lock:
            if not thought.given:
                self._output_all(answer.block)
                if thought.released:
                    self._finish_answer(thought)

    def _finish_answer(self, thought: Thought) -> None:
        """The bestmove; with the lock held."""
        assert thought.answer
        self._output(thought.answer.bestmove)
        thought.given = True

    def _stop(self) -> None:
        """Cut a perft or a wait short; all other thinking is short enough."""
        if self._thought:
            self._thought.stopped.set()
        self._release()

    def _release(self) -> None:
        """Let a held bestmove go, now or as soon as it is found.

        Its block goes before it once more: clients read what stands between the release and the
        bestmove, and take no score from before a ``ponderhit``.
        """
        thought = self._thought
        if thought is None:
            return
        with self._lock:
            if thought.answer and not thought.released and not thought.given:
                self._output_all(thought.answer.block)
                self._finish_answer(thought)
            thought.released = True

    def _perft(self, thought: Thought, board: "chess.Board", depth: int) -> None:
        from uci.protocol.think import perft

        for line in perft(board, depth, thought.stopped.is_set):
            self._write(line)

    def _open_tablebase(self, folders: str) -> None:
        from engine.play.tablebase import open_tablebase

        try:
            opened = open_tablebase(folders)
        except Exception as error:
            kept = "; the tables opened before stay in use" if self._tablebase else ""
            self._tell(f"SyzygyPath: {describe(error)}{kept}")
            return
        if self._tablebase:
            self._tablebase.close()
        self._tablebase = opened
        if opened:
            self._tell(f"SyzygyPath: {opened.count} tables, up to {opened.max_pieces} pieces")

    def _submit(self, call: Callable, /, *args: object) -> Future:
        return self._worker.submit(call, *args)

    def _write(self, line: str) -> None:
        with self._lock:
            self._output(line)

    def _output_all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._output(line)

    def _tell(self, text: str) -> None:
        self._write(render_string(text))


def repeat_seconds(go: Go, white: bool, multipv: int) -> float | None:
    """How long after its first ``info`` block a ``go`` gets it again; None for not at all.

    Nobody waits for a held bestmove meanwhile. Otherwise the bestmove comes after the second block,
    so a short clock makes the wait short.
    """
    if go.held:
        return REPEAT_SECONDS
    if multipv == 1:
        return None
    limits = [REPEAT_SECONDS]
    for name, parts in (("movetime", 2), ("wtime" if white else "btime", 20)):
        if name in go.numbers:
            limits.append(max(go.numbers[name], 0) / 1000 / parts)
    return min(limits)
