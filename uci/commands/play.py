"""A game in the terminal against the network.

Moves are typed as SAN or UCI; help lists what else can be typed. With no terminal on standard input
the network plays one game against itself and prints it as PGN.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeFloat, NonNegativeInt

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
    """The position to start from (default: the usual one)."""
    network: Path | None = None
    """The network (default: the shipped one)."""
    temperature: NonNegativeFloat = 0.0
    """Above 0 the network varies its moves and plays weaker; try 0.02."""
    seed: NonNegativeInt | None = None
    """Repeats the network's choices when it varies them."""


def run(args: Args) -> int:
    """Play one game."""
    from data_pipeline.common.terminal import PlainConsole
    from uci.protocol.positions import board_from_fen

    board = board_from_fen(args.fen)
    messages = PlainConsole(stderr=True)
    with messages.status("Loading the network..."):
        engine = opponent(args)
    if sys.stdin.isatty():
        converse(engine, board, args.color == "white", PlainConsole())
    else:
        print_self_play(engine, board)
    return 0


def opponent(args: Args) -> "SearchlessEngine":
    """The network that the arguments ask for, ready to play."""
    import random

    from engine.play import load_engine
    from engine.play.engine import require_win_probs
    from engine.play.move_choice import Choice

    seed = random.randrange(2**31) if args.seed is None else args.seed
    engine = load_engine(args.network, choice=Choice(args.temperature), seed=seed, warm=True)
    require_win_probs(engine.predictor)
    return engine


def print_self_play(engine: "SearchlessEngine", board: "chess.Board") -> None:
    """One game of the network against itself, as PGN on standard output."""
    from uci.terminal.terminal_game import game_to_pgn, self_play

    result = self_play(engine, board)
    say(game_to_pgn(board, "Argmax", "Argmax", result))


def converse(
    engine: "SearchlessEngine", board: "chess.Board", white: bool, console: "Console"
) -> None:
    """Draw, ask and answer until the game is over or the player leaves; then print it as PGN."""
    import readline  # noqa: F401 - line editing and history for input()

    from uci.terminal.terminal_game import Shown, TerminalGame

    game = TerminalGame(engine, board, white)
    console.print("You play Argmax, which does not search. Type help for help.")
    show(Shown(board_changed=True), game, console)
    while not game.over:
        shown = game.engine_move() if game.engine_to_move else game.answer(ask(game))
        show(shown, game, console)
    if game.result:
        result, reason = game.result
        console.print(f"\n{result}  {reason}\n")
    if game.board.move_stack:
        say(game.to_pgn())


def ask(game: "TerminalGame") -> str:
    """What the player types; end of input or an interruption leaves the game."""
    side = "White" if game.board.turn else "Black"
    try:
        return input(f"\n{side}, move {game.board.fullmove_number}: ")
    except (EOFError, KeyboardInterrupt):
        print()
        return "quit"


def show(shown: "Shown", game: "TerminalGame", console: "Console") -> None:
    """What a command or a move led to."""
    from uci.terminal.display import analysis_table

    if shown.board_changed and not game.engine_to_move:  # the answer follows at once
        draw(game, console)
    if shown.text:
        console.print(shown.text)
    if shown.analysis:
        console.print(analysis_table(shown.analysis, HINTED_MOVES))


def draw(game: "TerminalGame", console: "Console") -> None:
    """The board, seen from the player's side."""
    from uci.terminal.display import board_text

    console.print()
    console.print(board_text(game.board, game.bottom, console.color_system is not None))
