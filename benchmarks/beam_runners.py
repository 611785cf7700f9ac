"""Make the same dataset on the local runner and on a cluster, and compare them to the byte.

    python benchmarks/beam_runners.py spark                       (needs PySpark and Java)
    python benchmarks/beam_runners.py dask                        (pip install 'apache-beam[dask]')
    python benchmarks/beam_runners.py prism --prism PRISM

The cluster's processes are started here, on this machine. With ``--kill`` one of the two workers of
Spark or Dask is killed half-way (SIGKILL, with all its children), and the other must finish the
work. ``--annotate`` has Stockfish score the positions; otherwise they come with scores. ``PRISM``
is ``go/cmd/prism`` of Beam's Go module. Exit status: 0 if the datasets have the same files, to the
byte.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.clusters import ROOT, kill_all, start_dask, start_prism, start_spark
from tests.helpers.random_chess import random_boards

PROGRAM = "import sys; from uci.cli import main; sys.exit(main())"


def main() -> int:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runner", choices=["spark", "dask", "prism"])
    parser.add_argument("--annotate", action="store_true")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--positions", type=int)
    parser.add_argument("--prism", type=Path)
    args = parser.parse_args()
    if args.runner == "prism" and not args.prism:
        parser.error("expected --prism PRISM, the program, with the runner prism")
    number = args.positions or (3_000 if args.annotate else 60_000)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = folder / "positions.jsonl"
        write_positions(source, number)
        command = ["annotate", "--depth", "5"] if args.annotate else ["convert"]
        command += [str(source), "--max-positions", str(number * 9 // 10), "--balance", "8"]
        make_dataset(command, folder / "local", [])
        if args.runner == "prism":
            flags, workers = start_prism(stack, folder, args.prism)
        else:
            flags, workers = (start_dask if args.runner == "dask" else start_spark)(stack, folder)
        if args.kill:
            watch = (workers[0], folder, "annotated" if args.annotate else "read")
            threading.Thread(target=kill_half_way, args=watch, daemon=True).start()
        runner, _, rest = flags.removeprefix("--runner=").partition(" ")
        make_dataset(command, folder / "cluster", ["--runner", runner, f"--beam-flags={rest}"])
        if args.kill and workers[0].poll() is None:
            raise SystemExit("expected to kill a worker half-way, found the work done before")
        return compare(folder / "local", folder / "cluster")


def write_positions(path: Path, number: int) -> None:
    """Positions of random games with random scores; some lines are repeated, some are broken."""
    rng = random.Random(1)
    boards = random_boards(seed=1, games=number // 100 + 10)
    with open(path, "w") as file:
        for count, board in zip(range(number), boards, strict=False):
            scores = [
                {"cp": rng.randint(-900, 900), "line": move.uci()} for move in board.legal_moves
            ]
            line = json.dumps({"fen": board.epd(), "evals": [{"pvs": scores, "depth": 5}]})
            file.write(f"{line}\n" * (2 if count % 50 == 0 else 1))
            if count % 100 == 0:
                file.write(f"{line[:30]}\n")


def make_dataset(command: list[str], out: Path, flags: list[str]) -> None:
    """Run ``argmax data`` in a separate process."""
    start = time.monotonic()
    whole = [sys.executable, "-c", PROGRAM, "data", *command, "--out", str(out), *flags]
    if subprocess.run(whole, cwd=ROOT, check=False).returncode:
        log = out.with_name(f"{out.name}.unfinished") / "beam.log"
        raise SystemExit(log.read_text()[-3000:] if log.exists() else "no dataset was made")
    manifest = json.loads((out / "dataset.json").read_text())
    written, dropped = sum(manifest["counts"].values()), manifest["dropped"]
    print(f"{out.name}: {written:,} positions, dropped {dropped}, ", end="")
    print(f"{time.monotonic() - start:.0f} s", flush=True)


def kill_half_way(worker: subprocess.Popen, folder: Path, stage: str) -> None:
    """Kill a worker once half of the positions have been read, or annotated."""
    from data_pipeline.beam.staging import read_tallies

    total = json.loads((folder / "local" / "dataset.json").read_text())[stage]
    progress = folder / "cluster.unfinished" / "progress"
    while (done := read_tallies(progress)[stage]) < total / 2:
        time.sleep(0.05)
    killed = kill_all(worker)
    print(
        f"killed a worker, {killed} processes, after {done:,} of {total:,} were {stage}", flush=True
    )


def compare(a: Path, b: Path) -> int:
    """0 if two directories hold the same files."""
    files = {path.name for path in a.iterdir()} | {path.name for path in b.iterdir()}
    differing = [
        name
        for name in sorted(files)
        if not ((a / name).exists() and (b / name).exists())
        or (a / name).read_bytes() != (b / name).read_bytes()
    ]
    print(f"{len(files)} files, {len(differing)} differ {differing}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
