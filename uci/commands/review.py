"""Review games move by move, with a network that does not search.

Shows the win probability that each move lost, inaccuracies, mistakes and blunders by Lichess's
thresholds, and accuracy by Lichess's formula. Many games (also .pgn.zst) give a table of players.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import PositiveInt

if TYPE_CHECKING:
    from engine.review.review import GameReview
    from engine.review.summary import Reviewed

MOST_GAMES_IN_FULL = 3
"""On the terminal, more games are shown as a table of players."""


@dataclass(frozen=True)
class Args:
    pgn: tyro.conf.Positional[tuple[Path, ...]]
    """PGN files, plain or .zst."""
    out: Path | None = None
    """A folder for the annotated games (review.pgn) and a self-contained page (review.html)."""
    limit: PositiveInt | None = None
    """Review at most this many games."""
    network: Path | None = None
    """The network (default: the shipped one)."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Read, review, write and print."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.common.terminal import progress_bar
    from engine.play import load_engine
    from engine.play.engine import require_win_probs
    from engine.review.summary import review_files

    engine = load_engine(args.network)
    require_win_probs(engine.predictor)
    with progress_bar("games", args.limit or 0) as update:
        found = review_files(engine, args.pgn, args.limit, update)
    for reason, count in found.counts.dropped.items():
        say(f"{count} games left out: {reason}", file=sys.stderr)
    if not found.reviews:
        raise InputError(f"expected games in {', '.join(map(str, args.pgn))}, found none")
    if args.out:
        write(found, args.out)
    if args.json:
        say(json.dumps(found.to_json()))
    else:
        show(found)
    return 0


def write(found: "Reviewed", folder: Path) -> None:
    """Write review.pgn and review.html to ``folder``, atomically."""
    from data_pipeline.common.files import write_atomically
    from engine.review.forms import annotated_pgn
    from engine.review.html import MOST_GAMES, review_page

    folder.mkdir(parents=True, exist_ok=True)
    games = "".join(map(annotated_pgn, found.reviews))
    write_atomically(folder / "review.pgn", games.encode())
    page = review_page(
        found.reviews[:MOST_GAMES], found.players.to_json(), games=len(found.reviews)
    )
    write_atomically(folder / "review.html", page.encode())


def show(found: "Reviewed") -> None:
    """Print a few games in full, or a table of players."""
    from rich.table import Table

    from data_pipeline.common.terminal import report_console
    from engine.review.players import JUDGED

    console = report_console()
    if len(found.reviews) <= MOST_GAMES_IN_FULL:
        for review in found.reviews:
            show_game(review)
    else:
        columns = ("player", "games", "moves", "accuracy", "given away", "best moves", *JUDGED)
        table = Table(*columns, box=None, header_style="dim")
        for name, player in found.players.to_json().items():
            shares = [player["accuracy"] and player["accuracy"] / 100]
            shares += [player["given_away_a_move"], player["best_move_rate"]]
            shown = ["" if share is None else f"{share:.1%}" for share in shares]
            counts = [str(player[f"{kind}_count"]) for kind in JUDGED]
            table.add_row(name, str(player["games"]), str(player["moves"]), *shown, *counts)
        console.print(table)
    console.print("Judged by a network without search; deep combinations escape it.", style="dim")


def show_game(review: "GameReview") -> None:
    """Print both sides' accuracy, and every judged move."""
    import chess
    from rich.table import Table

    from data_pipeline.common.terminal import report_console
    from engine.review.forms import numbered
    from engine.review.players import JUDGED

    console = report_console()
    sides = Table("", "player", "accuracy", *JUDGED, box=None, header_style="dim")
    for color, side in ((chess.WHITE, "White"), (chess.BLACK, "Black")):
        accuracy, counts = review.accuracy[color], review.judgements(color)
        shown = "" if accuracy is None else f"{accuracy:.1f} %"
        name = review.game.name(color)
        sides.add_row(side, name, shown, *(str(counts[kind]) for kind in JUDGED))
    console.print(sides)
    moves = Table(
        "move", "expected", "given away", "judgement", "best", box=None, header_style="dim"
    )
    for move in review.moves:
        if move.judgement:
            given = f"{100 * move.given_away:.1f}"
            best = f"{move.best_san} ({move.best_win_prob:.0%})"
            moves.add_row(numbered(move), f"{move.win_prob:.1%}", given, move.judgement, best)
    if moves.row_count:
        console.print()
        console.print(moves)
    console.print()
