"""Play a game against the network in the terminal.

Type moves as Nf3 or g1f3, or help for all commands. If standard input is not a terminal, the
network plays one game against itself and prints it as PGN.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data_pipeline.common.plain_text import one_line, say
from data_pipeline.common.ranges import NonNegativeFloat, NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    import chess
    from rich.console import Console

    from engine.play.engine import SearchlessEngine
    from uci.terminal.terminal_game import Shown, TerminalGame

HINTED_MOVES = 5


@dataclass(frozen=True)
class Args:
    color: Literal["white", "black"] = "white"
    """Your side."""
    fen: str | None = None
    """The start position (default: the usual one)."""
    network: Path | None = None
    """The network (default: the shipped one)."""
    level: PositiveInt | None = None
    """The engine's Elo, within the measured range (default: full strength)."""
    name: str | None = None
    """Your name in saved games (default: your login name)."""
    bar: bool = False
    """Show the evaluation after each move."""
    temperature: NonNegativeFloat = 0.0
    """Above 0 the network varies its moves and plays weaker; try 0.02."""
    seed: NonNegativeInt | None = None
    """Seed, to repeat a game with a temperature."""


def run(args: Args) -> int:
    """Play one game."""
    from data_pipeline.common.terminal import PlainConsole
    from uci.protocol.positions import board_from_fen

    board = board_from_fen(args.fen)
    messages = PlainConsole(stderr=True)
    with messages.status("Loading the network..."):
        engine = opponent(args)
    if sys.stdin.isatty():
        converse(new_game(args, engine, board), PlainConsole())
    else:
        print_self_play(engine, board)
    return 0


def opponent(args: Args) -> "SearchlessEngine":
    """The engine, ready to play."""
    import random

    from engine.play import load_engine
    from engine.play.engine import require_win_probs
    from engine.play.move_choice import Choice
    from model.inference.board_predictor import limit_threads

    limit_threads(1)  # as the UCI engine: two threads wait for each other on a busy machine
    seed = random.randrange(2**31) if args.seed is None else args.seed
    engine = load_engine(args.network, choice=Choice(args.temperature), seed=seed, warm=1)
    require_win_probs(engine.predictor)
    return engine


def print_self_play(engine: "SearchlessEngine", board: "chess.Board") -> None:
    """Print one game of the network against itself as PGN."""
    from uci.terminal.saved_games import ENGINE_NAME, game_to_pgn
    from uci.terminal.terminal_game import self_play

    result = self_play(engine, board)
    say(game_to_pgn(board, ENGINE_NAME, ENGINE_NAME, result))


def new_game(args: Args, engine: "SearchlessEngine", board: "chess.Board") -> "TerminalGame":
    """The game with these options. Raises InputError for a level outside the measured range."""
    from engine.networks import shipped_network
    from engine.play.strength import read_curve
    from uci.terminal.terminal_game import TerminalGame

    curve = read_curve(args.network or shipped_network())
    name = one_line(args.name or login_name())
    game = TerminalGame(engine, board, args.color == "white", name, curve, bar=args.bar)
    if args.level is not None:
        game.limit_strength(args.level)
    return game


def login_name() -> str:
    """The user's login name, if it is known."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "You"


def converse(game: "TerminalGame", console: "Console") -> None:
    """Draw, ask and answer until the player leaves; then print the game as PGN."""
    import contextlib

    from uci.terminal.terminal_game import Shown

    with contextlib.suppress(ImportError):  # without it, there is no history of lines
        import readline  # noqa: F401

    console.print("You play Argmax, which does not search. Type help for help.")
    show(Shown(board_changed=True), game, console)
    try:
        while not game.left:
            shown = game.engine_move() if game.engine_to_move else game.answer(ask(game))
            show(shown, game, console)
    except KeyboardInterrupt:
        console.print()
    if game.board.move_stack:
        say(game.to_pgn())


def ask(game: "TerminalGame") -> str:
    """Read a line; the end of input or an interruption means quit."""
    side = "White" if game.board.turn else "Black"
    where = "Game over" if game.result else f"{side}, move {game.board.fullmove_number}"
    try:
        return input(f"\n{where}: ")
    except (EOFError, KeyboardInterrupt):
        print()
        return "quit"


def show(shown: "Shown", game: "TerminalGame", console: "Console") -> None:
    """Show the result of a command or a move."""
    from uci.terminal.board_view import board_style
    from uci.terminal.display import analysis_table, commands_table
    from uci.terminal.terminal_game import COMMANDS

    if shown.board_changed and not game.engine_to_move:  # the answer follows at once
        draw(game, console)
    if shown.text:
        console.print(shown.text, soft_wrap=shown.verbatim)
    if shown.help:
        console.print(commands_table(COMMANDS))
    if shown.analysis:
        ascii_only = board_style(console).ascii_only
        table = analysis_table(shown.analysis, HINTED_MOVES, console.width, ascii_only)
        console.print(table)


def draw(game: "TerminalGame", console: "Console") -> None:
    """Draw the board from the player's side."""
    from uci.terminal.board_view import bar_text, board_style, board_text

    style = board_style(console)
    console.print()
    console.print(board_text(game.board, game.bottom, style))
    if game.bar:
        console.print(bar_text(game.white_win_prob(), style.ascii_only))
