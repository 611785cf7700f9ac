"""The duration of a start, in seconds and CPU seconds, to uciok and to readyok.

    python benchmarks/uci_times.py [--network FILE] [--starts 3]

Not part of the suite: the times are meaningful only on an otherwise idle machine. CPU seconds (user
and system, of the whole process) depend on the machine's load much less.
"""

import argparse
import resource
import sys
import time

from tests.helpers.program import Program


def main() -> int:
    """Start the engine several times."""
    parser = argparse.ArgumentParser(description="Times of the engine's start.")
    parser.add_argument("--network", help="default: the shipped one")
    parser.add_argument("--starts", type=int, default=3)
    args = parser.parse_args()
    command = [sys.executable, "-m", "uci", *(["--network", args.network] if args.network else [])]
    for _ in range(args.starts):
        before = cpu_seconds_of_children()
        with Program(command) as engine:
            engine.ask("uci", answer="uciok")
            uciok = time.perf_counter() - engine.started
            engine.ask("isready", answer="readyok")
            ready = time.perf_counter() - engine.started
        cpu = cpu_seconds_of_children() - before
        print(
            f"uciok after {uciok:.2f} s, readyok after {ready:.2f} s of the start, "
            f"{cpu:.2f} CPU seconds"
        )
    return 0


def cpu_seconds_of_children() -> float:
    """CPU seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
