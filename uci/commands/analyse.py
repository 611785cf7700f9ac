"""All legal moves of a position with distributions over their win probabilities, best first."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from engine.play.analysis import Analysis


@dataclass(frozen=True)
class Args:
    fen: tyro.conf.Positional[str]
    """The position as FEN (in quotes), or startpos."""
    moves: tuple[str, ...] = ()
    """Moves played from there, SAN or UCI; the position after them is analysed."""
    network: Path | None = None
    """The network (default: the shipped one)."""
    rules: bool = True
    """Recognize mates, stalemates and repetitions exactly; --no-rules uses the network alone."""
    picture: Path | None = None
    """Save a picture of the board, the best moves and their distributions (.svg)."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Analyse and print."""
    from data_pipeline.common.errors import InputError
    from uci.protocol.positions import after_moves, board_from_fen

    if args.picture and args.picture.suffix != ".svg":
        raise InputError(f"expected a picture named .svg, found {args.picture}")
    fen = args.fen.strip()
    board = after_moves(board_from_fen(None if fen == "startpos" else fen), args.moves)
    if not any(board.legal_moves):
        over = "checkmate" if board.is_check() else "stalemate"
        raise InputError(f"expected a position with a legal move, found {over} in {board.fen()}")

    from data_pipeline.common.files import write_atomically
    from engine.play import load_engine
    from engine.play.analysis import to_json
    from engine.play.engine import require_win_probs
    from engine.report.position_picture import picture

    engine = load_engine(args.network, rules=args.rules)
    require_win_probs(engine.predictor)
    analysis = engine.analyse(board)
    if args.picture:
        write_atomically(args.picture, picture(analysis).encode())
    if args.json:
        print(json.dumps(to_json(analysis)))
    else:
        show(analysis)
    return 0


def show(analysis: "Analysis") -> None:
    """Print the board and the moves."""
    from data_pipeline.common.terminal import report_console
    from uci.terminal.board_view import board_style, board_text
    from uci.terminal.display import analysis_table

    console = report_console()
    style = board_style(console)
    console.print(board_text(analysis.board, analysis.board.turn, style))
    console.print(analysis_table(analysis, None, console.width, style.ascii_only))
