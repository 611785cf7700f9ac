"""Convert many generated positions, and print each stage's speed and the memory of all processes.

    python benchmarks/large_input.py --positions 1000000 20000000
    python benchmarks/large_input.py --positions 1000000 --parse

With ``--parse`` the positions (kings and pawns, a few scored moves) are written to files in the
format of the Lichess evaluation dump and parsed. Otherwise the reader is replaced by one that
yields records of about a hundred bytes under random hashes, to measure the stages after it at sizes
that take too long to parse.

Memory is the peak of RssAnon, summed over the processes: without pages of the system's file cache.
A stage's time ends with its last piece of work.
"""

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import zstandard

from benchmarks.clusters import family
from data_pipeline.beam import pipeline, staging, transforms
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Piece, divide
from data_pipeline.dataset import records
from data_pipeline.dataset.records import Keyed
from tests.helpers.random_chess import random_boards, random_record

A_FILE, AT_ONCE = 1_000_000, 50_000
BYTES_A_POSITION = 57  # of the Lichess dump, compressed
PAWNS = 5
STAGES = {"read": "read-*", "deduplicate": "deduplicate-*", "write": "write-*"}
RUNS = [("1" * size, str(size)) for size in range(8, 1, -1)]


def main() -> None:
    """Generate, convert and print, for each number of positions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--positions", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--parse", action="store_true", help="write and parse files")
    parser.add_argument("--folder", type=Path, help="where to work, instead of the system's")
    args = parser.parse_args()
    for number in args.positions:
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            folder = Path(name)
            make = write if args.parse else stand_in
            files = [make(folder, i, number) for i in range(-(-number // A_FILE))]
            print(f"{number:,} positions", flush=True)
            watch(files, folder / "out", args.workers, args.parse)


def write(folder: Path, number: int, positions: int) -> Path:
    """A file with its part of the positions."""
    path = folder / f"{number:03d}.jsonl.zst"
    rng = np.random.default_rng(number)
    with zstandard.open(path, "wb", cctx=zstandard.ZstdCompressor(level=1)) as file:
        left = min(A_FILE, positions - number * A_FILE)
        while left:
            lines = list(some_lines(rng))[:left]
            file.write("".join(lines).encode())
            left -= len(lines)
    return path


def stand_in(folder: Path, number: int, positions: int) -> Path:
    """A file of the size that its positions would have, without them."""
    path = folder / f"{number:03d}.jsonl"
    with open(path, "wb") as file:
        file.truncate(min(A_FILE, positions - number * A_FILE) * BYTES_A_POSITION)
    return path


@cache
def known_records() -> list[bytes]:
    """Records of some random games."""
    rng = np.random.default_rng(0)
    return [records.encode(random_record(board, rng)) for board in random_boards(0, games=10)]


class Generate(transforms.Read):
    """In the place of the reader: as many records as a part of a file would hold."""

    def read(self, part: transforms.InputPart) -> list[tuple[int, Piece]]:
        """The same records again and again, under other hashes."""
        name = f"read-{part.name}"
        rng, known = random.Random(name), known_records()
        count = part.size // BYTES_A_POSITION // part.parts
        keyed: Iterator[Keyed] = (
            (rng.randbytes(8), known[number % len(known)], "") for number in range(count)
        )
        with staging.counting(self.place, name) as counts:
            counts["read"] = count
            return divide(self.new_bag(name), keyed, self.run.buckets)


def convert(files: list[Path], out: Path, workers: int, parse: bool) -> None:
    """What the command does, in a process of its own."""
    if not parse:
        transforms.Read = Generate
    mode = ["--direct_running_mode=multi_processing"] if workers > 1 else []
    flags = [f"--direct_num_workers={workers}", *mode]
    pipeline.convert(files, out, DatasetOptions(), beam_flags=flags)


def some_lines(rng: np.random.Generator) -> Iterator[str]:
    """Up to AT_ONCE lines of the evaluation dump."""
    boards = np.full((AT_ONCE, 64), ord("1"), np.uint8)  # a8 first, as in FEN
    order = rng.permuted(np.tile(np.arange(8, 56), (AT_ONCE, 1)), axis=1)
    rows = np.arange(AT_ONCE)[:, None]
    boards[rows, order[:, :PAWNS]] = ord("P")
    boards[rows, order[:, PAWNS : 2 * PAWNS]] = ord("p")
    white, black = rng.integers(56, 64, AT_ONCE), rng.integers(0, 8, AT_ONCE)  # the first ranks
    boards[rows[:, 0], white], boards[rows[:, 0], black] = ord("K"), ord("k")
    for piece, king, step in (("P", black, 8), ("p", white, -8)):  # nobody is in check
        for side, edge in ((-1, 0), (1, 7)):
            near = np.where(king % 8 == edge, king, king + step + side)
            boards[rows[:, 0], near] = np.where(
                boards[rows[:, 0], near] == ord(piece), ord("1"), boards[rows[:, 0], near]
            )
    free = (boards == ord("P")) & (np.roll(boards, 8, axis=1) == ord("1"))
    free[:, :16] = False  # no promotions
    scores = rng.integers(-900, 900, (AT_ONCE, PAWNS))
    lines = np.insert(boards, range(8, 64, 8), ord("/"), axis=1)
    text = np.hstack([lines, np.full((AT_ONCE, 1), ord("\n"), np.uint8)]).tobytes().decode()
    for ones, digit in RUNS:
        text = text.replace(ones, digit)
    for fen, moves, cps in zip(text.split("\n"), map(np.flatnonzero, free), scores, strict=False):
        pvs = ",".join(
            f'{{"cp":{cp},"line":"{square_name(move)}{square_name(move - 8)}"}}'
            for move, cp in zip(moves.tolist(), cps.tolist(), strict=False)
        )
        if pvs:
            yield f'{{"fen":"{fen} w - -","evals":[{{"pvs":[{pvs}],"depth":20}}]}}\n'


def square_name(square: int) -> str:
    """The name of a square, counted from a8."""
    return f"{'abcdefgh'[square % 8]}{8 - square // 8}"


def watch(files: list[Path], out: Path, workers: int, parse: bool) -> None:
    """Convert, and print what it took."""
    arguments = (files, out, workers, parse)
    process = multiprocessing.get_context("spawn").Process(target=convert, args=arguments)
    ends: dict[str, float] = {}
    cpu: dict[int, float] = {}
    peak, start = 0, time.time()
    counts = out.with_name(f"{out.name}.unfinished") / "counts"
    process.start()
    while process.is_alive():
        time.sleep(1)
        pids = family(process.pid or 0)
        peak = max(peak, sum(map(memory_mb, pids)))
        cpu.update((pid, cpu_seconds(pid)) for pid in pids)
        for stage, pattern in STAGES.items():
            latest = max((path.stat().st_mtime for path in counts.glob(pattern)), default=start)
            ends[stage] = max(ends.get(stage, start), latest)
    seconds = time.time() - start
    if process.exitcode:
        raise SystemExit("no dataset was made")
    manifest = json.loads((out / "dataset.json").read_text())
    for stage, end in ends.items():
        took = max(end - start, 0.1)
        print(f"  {stage:<12}{took:8,.0f} s {manifest['read'] / took:10,.0f} positions/s")
        start = end
    print(
        f"  {sum(manifest['counts'].values()):,} written in {seconds:,.0f} s, "
        f"{sum(cpu.values()):,.0f} s of processors' time; {peak:,} MB",
        flush=True,
    )


def memory_mb(pid: int) -> int:
    """What a process holds itself, or 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) >> 10
    except (OSError, IndexError):
        return 0


def cpu_seconds(pid: int) -> float:
    """The processor time of a process so far, or 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
    except OSError:
        return 0


if __name__ == "__main__":
    main()
