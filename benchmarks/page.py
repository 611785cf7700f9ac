"""A page of all timings of this machine: each command with what it prints.

    python benchmarks/page.py [--data DATASET] [--out docs/benchmarks.md]

It takes some minutes, in which nothing else should run. ``--data``: a dataset, for the rate at
which batches are prepared.
"""

import argparse
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from data_pipeline.common.files import write_atomically
from data_pipeline.common.terminal import progress_bar
from engine.measure.compute_cost import matmul_rates
from engine.measure.move_profile import copy_rate

TRAINING = "python benchmarks/training_cost.py"
SECTIONS = {
    "A move, and many positions at once": "argmax speed argmax board-9M",
    "Where the time of a move goes": "argmax speed --profile",
    "The start of the UCI engine": "python benchmarks/uci_times.py",
    "Moves of the UCI engine": "python benchmarks/uci_endurance.py --games 10",
    "A match between networks": "python benchmarks/match_times.py",
    "A step of training": f"{TRAINING} --profile --preset small --set --batch-size 256 "
    "--compute-dtype float32",
}
LOADER = "Batches for training"


def main() -> int:
    """Run the commands and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    args = parser.parse_args()
    sections = dict(SECTIONS)
    if args.data:
        sections[LOADER] = f"{TRAINING} --data {args.data} --processes 0 1 2 4 8 16"
    parts = [f"# Benchmarks\n\n{machine()}"]
    with progress_bar("commands", len(sections)) as advance:
        for number, (title, command) in enumerate(sections.items(), 1):
            parts.append(f"## {title}\n\n```\n$ {command}\n{output_of(command)}\n```")
            advance(number)
    write_atomically(args.out, ("\n\n".join(parts) + "\n").encode())
    return 0


def machine() -> str:
    """The machine and the versions, as a paragraph."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "jax", "chess"))
    return (
        f"Made by `python benchmarks/page.py` on {os.cpu_count()} cores ({cpu_name()}), Python "
        f"{platform.python_version()}, {versions}. Products of large matrices: "
        f"{max(matmul_rates()) / 1e9:.0f} GFLOP/s in float32; large copies: "
        f"{copy_rate() / 1e9:.1f} GB/s, read and written."
    )


def cpu_name() -> str:
    """The model of the CPU, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def output_of(command: str) -> str:
    """What a command prints on standard output. Raises CalledProcessError if it fails."""
    program, *arguments = shlex.split(command)
    folder = Path(sys.executable).parent
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "COLUMNS": "100"}
    done = subprocess.run(
        [folder / program, *arguments], env=environment, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.decode().rstrip()


if __name__ == "__main__":
    sys.exit(main())
