"""Speed and size of each stage of the data pipeline, per second of one core's time.

    python benchmarks/data_stages.py FILE.jsonl.zst      (Lichess evaluations, all moves scored)

Measures CPU time, including the engine's, so that other load on the machine matters little.
"""

import argparse
import itertools
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import chess

from data_pipeline.batches.board_batches import make_batch, make_inputs
from data_pipeline.beam import transforms
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets, divide
from data_pipeline.beam.staging import staging
from data_pipeline.common.files import numbered_lines
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import position_hash, write_bag
from data_pipeline.sources.entries import Rejected, Share
from data_pipeline.sources.readers import reader_of
from data_pipeline.teachers.options import EngineConfig, Limit
from data_pipeline.teachers.stockfish import Stockfish
from engine.match.uci_client import find_stockfish

T = TypeVar("T")
POSITIONS, ANNOTATED, BATCH, MAX_MOVES = 3000, 300, 125, 64
REPEATS, ONE = 10, 3000  # for work that is too fast to be timed once
MIDDLEGAME = "r1bqkb1r/ppp2ppp/2n5/3np1N1/2B5/8/PPPP1PPP/RNBQK2R w KQkq - 0 6"  # 37 moves


def main(path: str) -> None:
    """Print one figure per line."""
    entries = itertools.islice(reader_of(path)(path, Share()), POSITIONS)
    read = timed("read and check", POSITIONS, lambda: list(entries))
    found = [entry for entry in read if not isinstance(entry, Rejected)]
    timed("hash", len(found), lambda: [position_hash(record.board) for record in found])
    encoded = timed("encode", len(found), lambda: [records.encode(record) for record in found])
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder, "figures.bag")
        timed("write", len(found), lambda: write_bag(bag, encoded))
        print(f"{'bytes per position':<28}{bag.stat().st_size / len(found):10.1f}")
        between_steps(Path(folder), encoded)
    lines = sum(1 for _ in numbered_lines(path))
    timed("lines of others passed over", lines, lambda: sum(1 for _ in numbered_lines(path)))
    timed("decode", len(found), lambda: [records.decode(data) for data in encoded])
    make_batch(encoded[:1], MAX_MOVES)  # tables are computed on first use
    batches = [encoded[i : i + BATCH] for i in range(0, len(encoded), BATCH)] * REPEATS
    count = len(encoded) * REPEATS
    timed("decode into arrays", count, lambda: [make_batch(rows, MAX_MOVES) for rows in batches])
    board = chess.Board(MIDDLEGAME)
    one = [board], [list(board.legal_moves)]
    timed("one board into arrays", ONE, lambda: [make_inputs(*one, MAX_MOVES) for _ in range(ONE)])
    with Stockfish(EngineConfig(find_stockfish(), Limit(depth=5))) as engine:
        start = cpu_seconds()
        for record in found[:ANNOTATED]:
            engine.annotate(record)
    print(f"{'annotate at depth 5':<28}{ANNOTATED / (cpu_seconds() - start):10.0f} positions/s")


def between_steps(folder: Path, encoded: list[bytes]) -> None:
    """What becomes of read positions, each under ten different hashes."""
    with staging(folder / "out") as place:
        run = transforms.Run(place, DatasetOptions(shards=1), Buckets(1, 64))
        rng = random.Random(0)
        keyed = [(rng.randbytes(8), data, "") for data in encoded * REPEATS]
        pieces = timed("divide", len(keyed), lambda: divide(place.pieces / "a", keyed, run.buckets))
        steps = transforms.Deduplicate(run, False), transforms.WriteShard(run)
        for step in steps:
            step.setup()
        work = [steps[0].process((bucket, [piece])) for bucket, piece in pieces]
        kept = timed("deduplicate", len(keyed), lambda: list(itertools.chain.from_iterable(work)))
        timed("write a shard", len(keyed), lambda: steps[1].process((0, kept)))


def cpu_seconds() -> float:
    """The CPU time of this process and of its children that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(of.ru_utime + of.ru_stime for of in usage)


def timed(label: str, count: int, work: Callable[[], T]) -> T:
    """Do the work and print its rate."""
    start = time.process_time()
    result = work()
    print(f"{label:<28}{count / (time.process_time() - start):10,.0f} positions/s")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE.jsonl.zst")
    main(parser.parse_args().file)
