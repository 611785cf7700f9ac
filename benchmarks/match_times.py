"""The duration of a match between networks, and how much of it is not the networks.

    python benchmarks/match_times.py [--games 100] [--network FILE]

A network plays itself, each side with its own random choices, from fifty openings. Not part of the
suite: the times are meaningful only on an otherwise idle machine.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import chess.pgn

from model.inference.board_predictor import BoardPredictor
from uci.cli import main as argmax


def main() -> int:
    """Play and report."""
    parser = argparse.ArgumentParser(description="Times of a match between networks.")
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--network", default="", help="default: the shipped one")
    args = parser.parse_args()
    networks, compute = Busy(), BoardPredictor.action_values

    def timed(*arguments) -> object:
        with networks:
            return compute(*arguments)

    players = [f"network:{args.network},temperature={t}" for t in ("0.02", "0.021")]
    with tempfile.TemporaryDirectory() as folder:
        pgn = Path(folder, "games.pgn")
        command = ["match", "--opponents", *players, "--games", str(args.games), "--pgn", str(pgn)]
        with mock.patch.object(BoardPredictor, "action_values", timed):
            began = time.perf_counter()
            status = argmax(command)
            whole = time.perf_counter() - began
        with open(pgn) as file:
            games = iter(lambda: chess.pgn.read_game(file), None)
            moves = sum(len(list(game.mainline_moves())) for game in games)
    rest = 1e3 * (whole - networks.seconds) / moves
    print(
        f"{args.games} games, {moves:,} moves: {whole:.1f} s, in {networks.seconds:.1f} s of which "
        f"a network computes; the rest is {rest:.2f} ms a move"
    )
    return status


class Busy:
    """The seconds in which at least one thread is inside a ``with``."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock, self._inside, self._since = threading.Lock(), 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._since = time.perf_counter()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self.seconds += time.perf_counter() - self._since


if __name__ == "__main__":
    sys.exit(main())
