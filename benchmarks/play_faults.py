"""Needless underpromotions, and won positions that were repeated: how a player handles its wins.

    python benchmarks/play_faults.py MATCH.pgn [--judge stockfish:depth=10] [--won 300]

Counted for each player of the games, and named by game and move:

- an underpromotion, unless a queen would be stalemate or the piece is a knight that gives check;
- a game drawn otherwise than by lack of material that the judge scores as won for the player before
  the last move, by 300 centipawns or more (--won).
"""

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

import chess

from data_pipeline.common.files import numbered_lines
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import Game, MainLine, read_main_line, split_games
from engine.match.player_specs import parse_spec
from engine.match.uci_client import ExternalPlayer

Counts = defaultdict[str, Counter[str]]


def main() -> None:
    """Print a row a player; what is counted goes to standard error, move by move."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", type=Path, nargs="+")
    parser.add_argument("--judge", default="stockfish:depth=10")
    parser.add_argument("--won", type=int, default=300, help="centipawns")
    args = parser.parse_args()
    counts: Counts = defaultdict(Counter)
    with ExternalPlayer(parse_spec(args.judge)) as judge:
        for path in args.games:
            for number, game in enumerate(split_games(numbered_lines(path)), start=1):
                try:
                    played = read_main_line(game)
                except BadEntry:
                    continue
                count(game, number, played, judge, args.won, counts)
    print("| player | games | underpromotions | needless | wins given away as draws |")
    print("|---|---|---|---|---|")
    for name, found in sorted(counts.items()):
        cells = (found[key] for key in ("games", "underpromotions", "needless", "given away"))
        print(f"| {name} | {' | '.join(map(str, cells))} |")


def count(
    game: Game, number: int, played: MainLine, judge: ExternalPlayer, won: int, counts: Counts
) -> None:
    """Add one game."""
    names = {chess.WHITE: game.tags.get("White", "?"), chess.BLACK: game.tags.get("Black", "?")}
    for name in names.values():
        counts[name]["games"] += 1
    board = played.start.copy()
    for move in played.moves:
        if move.promotion not in (None, chess.QUEEN):
            counts[names[board.turn]]["underpromotions"] += 1
            if is_needless(board, move):
                counts[names[board.turn]]["needless"] += 1
                tell(names[board.turn], number, board, move)
        board.push(move)
    if game.result != "1/2-1/2" or board.is_insufficient_material() or not played.moves:
        return
    move = board.pop()
    white_cp = judge.score_cp(board.copy(stack=False))
    if abs(white_cp) >= won:
        name = names[white_cp > 0]
        counts[name]["given away"] += 1
        tell(name, number, board, move, f" ({abs(white_cp)} centipawns ahead)")


def is_needless(board: chess.Board, move: chess.Move) -> bool:
    """Whether a queen does all that the piece does, as far as one move shows it."""
    queen = chess.Move(move.from_square, move.to_square, chess.QUEEN)
    board.push(queen)
    stalemate = board.is_stalemate()
    board.pop()
    return not stalemate and (move.promotion != chess.KNIGHT or not board.gives_check(move))


def tell(name: str, number: int, board: chess.Board, move: chess.Move, more: str = "") -> None:
    print(f"{name}, game {number}: {board.san(move)} in {board.fen()}{more}", file=sys.stderr)


if __name__ == "__main__":
    main()
