"""A game against the engine in the terminal: the rules of the conversation, without the terminal.

`TerminalGame.answer` takes what the player typed and returns what to show; drawing and reading are
`uci.commands.play`'s.
"""

from dataclasses import dataclass, field

import chess
import chess.pgn

from data_pipeline.common.errors import InputError
from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine
from uci.protocol.positions import parse_move

PGN_COLUMNS = 80
HELP = """\
Type a move as SAN (Nf3, exd5, O-O, e8=Q) or UCI (g1f3, e7e8q), or one of
  moves    the legal moves            hint     what the network would play, and why
  undo     take the last move back    flip     turn the board
  resign   give the game up           fen      the position as FEN
  quit     leave                      help     this text"""


@dataclass(frozen=True)
class Shown:
    """What to show next: text, an analysis as a table, and whether the board has changed."""

    text: str = ""
    analysis: Analysis | None = None
    board_changed: bool = False


@dataclass
class TerminalGame:
    """The state of a game: board, sides, and how it ended.

    ``color`` is the player's. ``result``: None while the game goes on, else the PGN result and why.
    """

    engine: SearchlessEngine
    board: chess.Board
    color: chess.Color
    bottom: chess.Color = field(init=False)
    result: tuple[str, str] | None = None
    left: bool = False

    def __post_init__(self) -> None:
        self.bottom = self.color
        self._settle()

    @property
    def engine_to_move(self) -> bool:
        """Whether it is the engine's turn in a game that goes on."""
        return self.result is None and self.board.turn != self.color

    @property
    def over(self) -> bool:
        """Whether there is nothing left to type."""
        return self.left or self.result is not None

    def engine_move(self) -> Shown:
        """Let the engine make its move."""
        analysis = self.engine.analyse(self.board)
        move = self.engine.choose(analysis)
        i = analysis.moves.index(move)
        share = f"{analysis.win_probs[i]:.0%}"
        said = f"Argmax plays {self._numbered(move)} and expects {share} of the points."
        self._push(move)
        return Shown(said, board_changed=True)

    def answer(self, line: str) -> Shown:
        """Carry out what the player typed: a command or a move."""
        word = line.strip()
        if not word:
            return Shown()
        command = getattr(self, f"_do_{word.lower()}", None) if word.isalpha() else None
        if command:
            return command()
        try:
            move = parse_move(self.board, word)
        except InputError:
            return Shown(f"'{word}' is not a legal move here. Type 'moves' or 'help'.")
        self._push(move)
        return Shown(board_changed=True)

    def leave(self) -> None:
        """The player went away; the game has no result."""
        self.left = True

    def to_pgn(self) -> str:
        """The game so far as PGN."""
        names = {self.color: "You", not self.color: "Argmax"}
        return game_to_pgn(self.board, names[chess.WHITE], names[chess.BLACK], self.result)

    def _do_help(self) -> Shown:
        return Shown(HELP)

    def _do_moves(self) -> Shown:
        return Shown(", ".join(sorted(self.board.san(move) for move in self.board.legal_moves)))

    def _do_hint(self) -> Shown:
        return Shown(analysis=self.engine.analyse(self.board))

    def _do_undo(self) -> Shown:
        """Back to the player's last decision: over the engine's answer, if it has given one."""
        if len(self.board.move_stack) < 2:
            return Shown("There is nothing to take back.")
        self.board.pop()
        self.board.pop()
        return Shown(board_changed=True)

    def _do_flip(self) -> Shown:
        self.bottom = not self.bottom
        return Shown(board_changed=True)

    def _do_fen(self) -> Shown:
        return Shown(self.board.fen())

    def _do_resign(self) -> Shown:
        self.result = ("0-1" if self.color == chess.WHITE else "1-0", "you resigned")
        return Shown()

    def _do_quit(self) -> Shown:
        self.leave()
        return Shown()

    def _numbered(self, move: chess.Move) -> str:
        dots = "." if self.board.turn == chess.WHITE else "..."
        return f"{self.board.fullmove_number}{dots} {self.board.san(move)}"

    def _push(self, move: chess.Move) -> None:
        self.board.push(move)
        self._settle()

    def _settle(self) -> None:
        """Draws that could be claimed are taken as claimed, as engines and match runners do."""
        self.result = result_of(self.board)


def result_of(board: chess.Board) -> tuple[str, str] | None:
    """The PGN result and the reason, or None while the game goes on."""
    outcome = board.outcome(claim_draw=False) or _claimed(board)
    if outcome is None:
        return None
    return outcome.result(), outcome.termination.name.lower().replace("_", " ")


def _claimed(board: chess.Board) -> chess.Outcome | None:
    """A draw that stands on the board now (not one that the next move would make)."""
    if board.is_repetition(3):
        return chess.Outcome(chess.Termination.THREEFOLD_REPETITION, None)
    if board.is_fifty_moves():
        return chess.Outcome(chess.Termination.FIFTY_MOVES, None)
    return None


def self_play(engine: SearchlessEngine, board: chess.Board) -> tuple[str, str]:
    """Play ``board`` to its end, both sides by the engine; the result and the reason."""
    while (result := result_of(board)) is None:
        board.push(engine.play(board))
    return result


def game_to_pgn(board: chess.Board, white: str, black: str, result: tuple[str, str] | None) -> str:
    """A finished or broken-off game as PGN; why it ended stands as a comment on its last move."""
    game = chess.pgn.Game.from_board(board)
    for name in ("Event", "Site", "Date", "Round"):
        game.headers[name] = "????.??.??" if name == "Date" else "?"
    game.headers.update(White=white, Black=black, Result=result[0] if result else "*")
    game.headers["Termination"] = "normal" if result else "unterminated"
    if result:
        game.end().comment = result[1]
    return game.accept(chess.pgn.StringExporter(columns=PGN_COLUMNS)) + "\n"
