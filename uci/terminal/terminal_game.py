"""A game against the engine in the terminal: its state and commands, without any I/O.

`TerminalGame.answer` takes a line from the player and returns what to show. Reading and drawing are
in `uci.commands.play`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import chess

from data_pipeline.common.errors import InputError
from data_pipeline.common.plain_text import shorten
from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine
from engine.play.strength import StrengthCurve
from uci.terminal.saved_games import ENGINE_NAME, game_to_pgn, load_game, save_game
from uci.terminal.typed_moves import question, typed_moves

COMMANDS = {
    "moves": "the legal moves",
    "hint": "what the network would play, and why",
    "undo": "take back your last move, also after the end of the game",
    "new [white|black]": "start another game; you may choose your side",
    "level [ELO|full]": "set the engine's strength; without a value, show the range",
    "bar": "show or hide the evaluation after each move",
    "save FILE": "write the game to a PGN file",
    "load FILE": "continue the first game of a PGN file",
    "flip": "turn the board around",
    "fen": "the position as FEN",
    "resign": "resign the game",
    "quit": "leave; the game is printed as PGN",
    "help": "this text",
}
MOVES_HELP = "Type a move as Nf3, exd5, O-O, e8=Q or as g1f3, e7e8q, or one of:"
NAMES = frozenset(command.split()[0] for command in COMMANDS)
LEVEL = "level "
POINTS = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}

NO_FILE = (InputError, OSError, ValueError, RuntimeError)
"""Errors for impossible file names, such as one with a NUL character."""


@dataclass(frozen=True)
class Shown:
    """What to show next: text, a table of an analysis, the commands, the changed board.

    ``verbatim``: text to copy, which must not be wrapped.
    """

    text: str = ""
    analysis: Analysis | None = None
    help: bool = False
    board_changed: bool = False
    verbatim: bool = False


@dataclass
class TerminalGame:
    """The state of a game: board, sides, strength and result.

    ``color`` is the player's. ``curve``: the engine's strength by temperature, if it was measured.
    ``result``: the PGN result and its reason, or None while the game goes on.
    """

    engine: SearchlessEngine
    board: chess.Board
    color: chess.Color
    name: str = "You"
    curve: StrengthCurve | None = None
    bottom: chess.Color = field(init=False)
    result: tuple[str, str] | None = None
    left: bool = False
    bar: bool = False
    level: int | None = None
    _start: chess.Board = field(init=False)
    _levels: dict[int, str] = field(default_factory=dict)
    """The strength of each of the engine's moves by its index in the game, if it is known."""
    _saved: set[Path] = field(default_factory=set)
    _asked: str = ""

    def __post_init__(self) -> None:
        self._start = self.board.root()
        self._begin(self.board, self.color)

    @property
    def engine_to_move(self) -> bool:
        """Whether the game goes on and it is the engine's turn."""
        return self.result is None and self.board.turn != self.color

    def white_win_prob(self) -> float:
        """The network's expected score for White in the current position."""
        if self.result:
            return POINTS[self.result[0]]
        expected = float(self.engine.analyse(self.board).win_probs[0])
        return expected if self.board.turn == chess.WHITE else 1 - expected

    def engine_move(self) -> Shown:
        """Play the engine's move."""
        analysis = self.engine.analyse(self.board)
        move = self.engine.choose(analysis)
        self._levels[len(self.board.move_stack)] = _level_text(self.level)
        i = analysis.moves.index(move)
        share = f"{analysis.win_probs[i]:.0%}"
        said = f"{ENGINE_NAME} plays {self._numbered(move)} and expects {share} of the points."
        return self._push(move, said)

    def answer(self, line: str) -> Shown:
        """Handle a line from the player: a command or a move."""
        line = line.strip()
        asked, self._asked = self._asked, ""
        if not line:
            return Shown()
        word, _, argument = line.partition(" ")
        if word.lower() in NAMES:
            return getattr(self, f"_do_{word.lower()}")(argument.strip())
        if self.result:
            return Shown("The game is over. Type 'new', 'undo', 'save FILE' or 'quit'.")
        moves = typed_moves(self.board, line)
        if not moves and asked:  # the piece alone, in answer to "e8=Q, e8=R, e8=B or e8=N?"
            moves = typed_moves(self.board, f"{asked}={line.lstrip('=')}")
        if not moves:
            return Shown(f"'{shorten(line)}' is not a legal move here. Type 'moves' or 'help'.")
        if len(moves) > 1:
            self._asked = line
            return Shown(question(self.board, moves))
        return self._push(moves[0])

    def leave(self) -> None:
        """Leave the game; an unfinished game has no result."""
        self.left = True

    def limit_strength(self, elo: int | None) -> None:
        """Play at an Elo in the measured range, or at full strength (None). Raises InputError."""
        if elo is None:
            temperature = 0.0
        elif self.curve is None:
            raise InputError(
                "expected a network whose strength was measured ('argmax network strength')"
            )
        else:
            low, high = self.curve.elo_range
            if not low <= elo <= high:
                raise InputError(f"expected a level of {low} to {high}, found {elo}")
            temperature = self.curve.temperature(elo)
        self.level = elo
        self.engine.choice = dataclasses.replace(self.engine.choice, temperature=temperature)

    def to_pgn(self) -> str:
        """The game so far as PGN."""
        names = {self.color: self.name, not self.color: ENGINE_NAME}
        side = "Black" if self.color == chess.WHITE else "White"
        first = int(self.board.root().turn == self.color)
        places = range(first, len(self.board.move_stack), 2)
        levels = [self._levels.get(place, "") for place in places] or [_level_text(self.level)]
        tags, remarks = {}, {}
        if len(set(levels)) > 1:
            for place, before, level in zip(places, ["", *levels], levels, strict=False):
                if level != before:
                    remarks[place] = f"{ENGINE_NAME} at {level} from here"
        elif levels[0].startswith(LEVEL):
            tags[f"{side}Elo"] = levels[0].removeprefix(LEVEL)
        white, black = names[chess.WHITE], names[chess.BLACK]
        return game_to_pgn(self.board, white, black, self.result, tags, remarks)

    def _do_help(self, _: str) -> Shown:
        return Shown(MOVES_HELP, help=True)

    def _do_moves(self, _: str) -> Shown:
        return Shown(", ".join(sorted(self.board.san(move) for move in self.board.legal_moves)))

    def _do_hint(self, _: str) -> Shown:
        if self.result:
            return Shown("The game is over.")
        return Shown(analysis=self.engine.analyse(self.board))

    def _do_undo(self, _: str) -> Shown:
        """Take back the player's last decision: a resignation, or a move with its answer."""
        if self.result and self.result != result_of(self.board):
            self.result = None
            return Shown(board_changed=True)
        moves = 2 if self.board.turn == self.color else 1
        if len(self.board.move_stack) < moves:
            return Shown("There is nothing to take back.")
        for _move in range(moves):
            self.board.pop()
        self.result = result_of(self.board)
        return Shown(board_changed=True)

    def _do_new(self, argument: str) -> Shown:
        sides = {"": self.color, "white": chess.WHITE, "black": chess.BLACK}
        side = sides.get(argument.lower())
        if side is None:
            return Shown(f"Expected 'new white' or 'new black', found '{shorten(argument)}'.")
        self._begin(self._start.copy(), side)
        return Shown(board_changed=True)

    def _do_level(self, argument: str) -> Shown:
        elo = int(argument) if argument.isdecimal() and len(argument) < 6 else None
        if elo is None and argument.lower() not in ("", "full"):
            return Shown(f"Expected an Elo, or 'full', found '{shorten(argument)}'.")
        try:
            if argument:
                self.limit_strength(elo)
        except InputError as error:
            return Shown(f"Not changed: {error}.")
        if self.curve is None:
            return Shown("Full strength; other levels of this network were not measured.")
        low, high = self.curve.elo_range
        now = _level_text(self.level)
        return Shown(f"{ENGINE_NAME} plays at {now} (levels {low} to {high}, or full).")

    def _do_bar(self, _: str) -> Shown:
        self.bar = not self.bar
        return Shown(board_changed=True)

    def _do_save(self, argument: str) -> Shown:
        if not argument:
            return Shown("Save it under which name? Type 'save FILE'.")
        try:
            path = Path(argument).expanduser()
            save_game(path, self.to_pgn(), ours=path.resolve() in self._saved)
        except NO_FILE as error:
            return Shown(f"Not saved: {error}")
        self._saved.add(path.resolve())
        return Shown(f"Saved as {path}.")

    def _do_load(self, argument: str) -> Shown:
        if not argument:
            return Shown("Load which file? Type 'load FILE'.")
        try:
            saved = load_game(Path(argument).expanduser())
        except NO_FILE as error:
            return Shown(f"Not loaded: {error}")
        self._start = saved.board.root()
        self._begin(saved.board, self._side_in(saved.tags))
        elo = saved.tags.get("BlackElo" if self.color == chess.WHITE else "WhiteElo", "")
        if elo.isdecimal() and self._engine_in(saved.tags):
            self._levels = dict.fromkeys(range(len(saved.board.move_stack)), LEVEL + elo)
        self.result = self.result or saved.result
        return Shown(self._ended(), board_changed=True)

    def _do_flip(self, _: str) -> Shown:
        self.bottom = not self.bottom
        return Shown(board_changed=True)

    def _do_fen(self, _: str) -> Shown:
        return Shown(self.board.fen(), verbatim=True)

    def _do_resign(self, _: str) -> Shown:
        if self.result:
            return Shown("The game is over.")
        self.result = ("0-1" if self.color == chess.WHITE else "1-0", "you resigned")
        return Shown(self._ended())

    def _do_quit(self, _: str) -> Shown:
        self.leave()
        return Shown()

    def _begin(self, board: chess.Board, color: chess.Color) -> None:
        self.board, self.color, self.bottom = board, color, color
        self._levels = {}
        self.result = result_of(board)

    def _side_in(self, tags: Mapping[str, str]) -> chess.Color:
        """The side with the player's name, or the one opposite the engine's; otherwise
        unchanged."""
        white, black = tags.get("White"), tags.get("Black")
        if self.name in (white, black):
            return chess.WHITE if self.name == white else chess.BLACK
        if ENGINE_NAME in (white, black):
            return chess.WHITE if black == ENGINE_NAME else chess.BLACK
        return self.color

    def _engine_in(self, tags: Mapping[str, str]) -> bool:
        """Whether the other side has the engine's name."""
        return tags.get("Black" if self.color == chess.WHITE else "White") == ENGINE_NAME

    def _numbered(self, move: chess.Move) -> str:
        dots = "." if self.board.turn == chess.WHITE else "..."
        return f"{self.board.fullmove_number}{dots} {self.board.san(move)}"

    def _push(self, move: chess.Move, said: str = "") -> Shown:
        """Play a move. Draws that can be claimed are claimed, as by engines and match runners."""
        self.board.push(move)
        self.result = result_of(self.board)
        return Shown("\n".join(filter(None, (said, self._ended()))), board_changed=True)

    def _ended(self) -> str:
        return f"{self.result[0]}  {self.result[1]}" if self.result else ""


def _level_text(level: int | None) -> str:
    """A strength in words."""
    return "full strength" if level is None else f"{LEVEL}{level}"


def result_of(board: chess.Board) -> tuple[str, str] | None:
    """The PGN result and the reason, or None while the game goes on."""
    outcome = board.outcome(claim_draw=False) or _claimed(board)
    if outcome is None:
        return None
    return outcome.result(), outcome.termination.name.lower().replace("_", " ")


def _claimed(board: chess.Board) -> chess.Outcome | None:
    """A draw that can be claimed in the current position (not one after the next move)."""
    if board.is_repetition(3):
        return chess.Outcome(chess.Termination.THREEFOLD_REPETITION, None)
    if board.is_fifty_moves():
        return chess.Outcome(chess.Termination.FIFTY_MOVES, None)
    return None


def self_play(engine: SearchlessEngine, board: chess.Board) -> tuple[str, str]:
    """Play ``board`` to its end with the engine on both sides; returns the result and the
    reason."""
    while (result := result_of(board)) is None:
        board.push(engine.play(board))
    return result
