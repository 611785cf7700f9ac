"""Quality and cost of labels: teachers and other players on the same puzzles.

    python benchmarks/teacher_stages.py --player teacher:depth=5,then=8x4

Prints a table: puzzles solved, and the engine's CPU milliseconds per position on the first
positions of a dataset or file (in any format that `argmax data` reads).
"""

import argparse
import itertools
import resource
from pathlib import Path

import chess

from data_pipeline.sources.entries import Rejected
from data_pipeline.sources.readers import read_inputs
from engine.match.player_specs import PlayerSpec, parse_spec
from engine.match.players import open_solver
from engine.measure.puzzles import read_puzzles, solve

STAGES = ("teacher:depth=5", "teacher:depth=5,then=8", "teacher:depth=5,then=10")
STAGES += ("teacher:depth=5,then=8x4", "teacher:depth=5,then=10x3", "teacher:depth=7")
HARD = 1800
DATA = Path(__file__).parent / "data"


def main() -> None:
    """Print a row for each player when it has been measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puzzles", type=Path, default=DATA / "lichess-5000.csv")
    parser.add_argument("--positions", type=Path, default=DATA / "test-depth-5")
    parser.add_argument("--player", nargs="+", default=STAGES)
    parser.add_argument("--limit", type=int, default=300, help="puzzles")
    parser.add_argument("--timed", type=int, default=150, help="positions")
    args = parser.parse_args()
    puzzles, _ = read_puzzles([args.puzzles], args.limit)
    entries = read_inputs(args.positions)
    records = (entry for entry in entries if not isinstance(entry, Rejected))
    boards = [record.board for record in itertools.islice(records, args.timed)]
    print(f"| player | solved of {len(puzzles)} | rated {HARD} and more | CPU ms per position |")
    print("|---|---|---|---|")
    for text in args.player:
        spec = parse_spec(text)
        with open_solver(spec) as (solver, _, chunk):
            attempts, _ = solve(puzzles, solver, chunk)
        hard = [attempt.solved for attempt in attempts if attempt.puzzle.rating >= HARD]
        solved = sum(attempt.solved for attempt in attempts)
        share = f"{sum(hard) / len(hard):.0%}" if hard else ""
        cost = engine_seconds(spec, boards) - engine_seconds(spec, [])
        row = (spec.name, f"{solved / len(puzzles):.1%}", share, f"{1000 * cost / len(boards):.1f}")
        print(f"| {' | '.join(row)} |", flush=True)


def engine_seconds(spec: PlayerSpec, boards: list[chess.Board]) -> float:
    """CPU time of the programs that a player starts, from their start to their end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open_solver(spec) as (solver, _, _):
        solver.analyse_many(boards)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
