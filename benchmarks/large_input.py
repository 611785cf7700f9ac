"""Convert generated positions, and print each stage's speed and the memory of all processes.

    python benchmarks/large_input.py --positions 1000000 20000000 [--workers 2]

The positions have kings and pawns, and two to five scored moves, as most of the Lichess evaluation
dump has; they come in files of a million. Memory is what the command and its children hold
themselves (RssAnon, summed over processes, at its highest); pages of files that the system has in
its cache are not theirs. A stage's time is from the one before it to its last piece of work, so
that stages which overlap are told apart only roughly.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard

from benchmarks.clusters import family
from tests.helpers.paths import ROOT

PROGRAM = "import sys; from uci.cli import main; sys.exit(main())"
A_FILE, AT_ONCE = 1_000_000, 50_000
PAWNS = 5
STAGES = {"read": "read-*", "deduplicate": "deduplicate-*", "write": "write-*"}
RUNS = [("1" * size, str(size)) for size in range(8, 1, -1)]


def main() -> None:
    """Generate, convert and print, for each number of positions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--positions", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--workers", default="2")
    parser.add_argument("--folder", type=Path, help="where to work, instead of the system's")
    args = parser.parse_args()
    for number in args.positions:
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            folder = Path(name)
            start = time.monotonic()
            files = [write(folder, i, number) for i in range(-(-number // A_FILE))]
            size = sum(file.stat().st_size for file in files)
            print(
                f"{number:,} positions in {size / 1e6:,.0f} MB, "
                f"made in {time.monotonic() - start:,.0f} s",
                flush=True,
            )
            convert(files, folder / "out", args.workers)


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


def convert(files: list[Path], out: Path, workers: str) -> None:
    """Run the command and print what it took."""
    command = [sys.executable, "-c", PROGRAM, "data", "convert", *map(str, files)]
    command += ["--out", str(out), "--workers", workers]
    ends: dict[str, float] = {}
    peak, start = 0, time.monotonic()
    counts = out.with_name(f"{out.name}.unfinished") / "counts"
    cpu: dict[int, float] = {}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(2)
            pids = family(process.pid)
            peak = max(peak, sum(map(memory_mb, pids)))
            cpu.update((pid, cpu_seconds(pid)) for pid in pids)
            for stage, pattern in STAGES.items():
                latest = max((path.stat().st_mtime for path in counts.glob(pattern)), default=0)
                ends[stage] = max(ends.get(stage, 0), latest)
    if process.returncode:
        raise SystemExit("no dataset was made")
    manifest = json.loads((out / "dataset.json").read_text())
    seconds = time.monotonic() - start
    before = time.time() - seconds
    for stage, end in ends.items():
        print(f"  {stage:<12}{end - before:8,.0f} s {manifest['read'] / (end - before):10,.0f}/s")
        before = end
    total = f"{seconds:,.0f} s, {sum(cpu.values()):,.0f} s of a core's time"
    print(f"  all {sum(manifest['counts'].values()):,} written in {total}; {peak:,} MB", flush=True)


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
