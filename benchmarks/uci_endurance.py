"""Many games in a row with one engine process, at a fixed time per move. Not part of the suite.

    python benchmarks/uci_endurance.py --games 1000 --opponent random
    python benchmarks/uci_endurance.py --games 1000 --opponent itself

Prints, every hundred games: results, moves, the times between go and bestmove, and the memory of
the engine's process. Ends with status 1 at an illegal move, a crash or a bestmove that never comes.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import chess
import numpy as np

from tests.helpers.program import Program


def main() -> int:
    """Play and report."""
    parser = argparse.ArgumentParser(description="Many games in a row.")
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--opponent", choices=["random", "itself"], default="random")
    parser.add_argument("--movetime", type=int, default=10, help="milliseconds")
    parser.add_argument("--network", help="default: the shipped one")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    command = [sys.executable, "-m", "uci", *(["--network", args.network] if args.network else [])]
    rng, results, seconds = random.Random(args.seed), Counter(), []
    with Program(command) as engine:
        engine.ask("uci", "isready", answer="readyok")
        for number in range(1, args.games + 1):
            engine.ask("ucinewgame", "isready", answer="readyok")
            engine_is = number % 2 == 0
            asks = (
                (lambda _: True) if args.opponent == "itself" else (lambda c, e=engine_is: c == e)
            )
            result = play(engine, rng, asks, args.movetime, seconds)
            won = chess.WHITE if result == "1-0" else chess.BLACK if result == "0-1" else None
            results[result if args.opponent == "itself" else side(won, engine_is)] += 1
            if number % 100 == 0 or number == args.games:
                report(number, results, seconds, memory_mib(engine.process.pid))
    return 0


def play(
    engine: Program,
    rng: random.Random,
    asks: Callable[[chess.Color], bool],
    movetime_ms: int,
    seconds: list[float],
) -> str:
    """Play a game after four random half-moves; returns the PGN result. Exits on an illegal
    move."""
    board = chess.Board()
    while not board.is_game_over(claim_draw=True):
        legal = list(board.legal_moves)
        if board.ply() < 4 or not asks(board.turn):
            board.push(rng.choice(legal))
            continue
        moves = " ".join(move.uci() for move in board.move_stack)
        start = time.perf_counter()
        best = engine.ask(f"position startpos moves {moves}", f"go movetime {movetime_ms}")[-1]
        seconds.append(time.perf_counter() - start)
        move = best.split()[1]
        if move not in {m.uci() for m in legal}:
            sys.exit(f"illegal move in {board.fen()}: {best}")
        board.push_uci(move)
    return board.result(claim_draw=True)


def side(winner: chess.Color | None, engine_is: chess.Color) -> str:
    """The result from the engine's point of view."""
    return "drawn" if winner is None else "won" if winner == engine_is else "lost"


def report(games: int, results: Counter, seconds: list[float], memory: float) -> None:
    """Print one line."""
    ms = np.array(seconds) * 1000
    median, high = np.percentile(ms, [50, 99])
    late = int((ms > 100).sum())
    print(
        f"{games} games {dict(results)}, {len(ms)} moves: median {median:.1f} ms, "
        f"99 % within {high:.1f} ms, longest {ms.max():.0f} ms, {late} over 100 ms; "
        f"engine's memory {memory:.0f} MiB",
        flush=True,
    )


def memory_mib(pid: int) -> float:
    """The resident memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


if __name__ == "__main__":
    sys.exit(main())
