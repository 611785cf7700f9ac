"""A UCI session: commands in, lines out; the network is loaded and run on a worker thread.

`Session.handle` never blocks: slow work goes to the single worker, in order. NumPy and even
python-chess are imported only after ``uciok``; then the network is loaded in the background.
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
"""After this time the ``info`` block is sent again, for GUIs that miss the first one."""


@dataclass
class Thought:
    """A running ``go``: its bestmove is written when it is both known and released."""

    released: bool
    answer: "Answer | None" = None
    given: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)


class Session:
    """The engine as one GUI sees it.

    ``write`` takes one line of output; it is called from two threads, one line at a time. ``load``
    loads a network file (on the worker; raises ArgmaxError or OSError). ``prepare`` does what does
    not depend on the network, such as imports. ``elo_range``: the range of UCI_Elo for the
    default network, if its strength was measured.
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
        """Handle a command other than ``quit``: for that, stop reading and call `quit`."""
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
        """Write all pending answers; does not wait for other work."""
        self._release()
        if self._last_answer:
            self._last_answer.exception()  # waits for it
        self._shut_down()

    def quit(self, patience_seconds: float = 0.0) -> None:
        """Stop; of several pending ``go`` only the last is answered, if it takes at most this long.
        By default this does not wait at all."""
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
        """Answer at once, even while thinking; but only after pending ``setoption`` commands."""
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
        """Without a valid position any move could be wrong, so none is played until the next
        one."""
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
        thought = self._thought = Thought(released=not go.is_held)
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
        """On the worker: always write a bestmove, since the GUI waits for it."""
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
        """Write an answer, and its ``info`` block again after ``repeat_after`` seconds.

        ``stop`` ends that wait. ``stop`` and ``ponderhit`` release a held bestmove at once.
        """
        with self._lock:
            wait = repeat_after is not None and not thought.stopped.is_set()
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
        """Write the bestmove; call it with the lock held."""
        assert thought.answer
        self._output(thought.answer.bestmove)
        thought.given = True

    def _stop(self) -> None:
        """Interrupt a perft or a wait; all other thinking is short enough."""
        self._release(stop=True)

    def _release(self, stop: bool = False) -> None:
        """Release a held bestmove, now or as soon as it is known. With ``stop``, also end its wait.

        Its ``info`` block is written again before it: clients read the lines between the release
        and the bestmove, and do not use scores from before a ``ponderhit``.
        """
        thought = self._thought
        if thought is None:
            return
        with self._lock:  # so that what waits does not write the block before the release, too
            if stop:
                thought.stopped.set()
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
    """Seconds after which a ``go`` gets its ``info`` block again; None for never.

    While a bestmove is held, nobody waits for the second block. Otherwise the bestmove follows it,
    so a short clock makes the wait short.
    """
    if go.is_held:
        return REPEAT_SECONDS
    if multipv == 1:
        return None
    limits = [REPEAT_SECONDS]
    for name, parts in (("movetime", 2), ("wtime" if white else "btime", 20)):
        if name in go.numbers:
            limits.append(max(go.numbers[name], 0) / 1000 / parts)
    return min(limits)
