"""A UCI engine that misbehaves: it crashes, hangs or keeps silent so many times."""

import stat
import sys
from pathlib import Path

from data_pipeline.teachers.options import EngineConfig, Limit

FAULTY = """\
#!{python}
import os, sys, time
log = {log!r}
print("id name Faulty")
for line in sys.stdin:
    word = line.split()[0]
    if word == "uci":
        print("uciok", flush=True)
    elif word == "isready":
        print("readyok", flush=True)
    elif word == "go":
        with open(log, "a") as file:
            file.write("go\\n")
        times = os.path.getsize(log) // 3
        if times <= {faults}:
            {fault}
        print("info depth 3 seldepth 3 multipv 1 score cp 5 nodes 1 pv h8g8")
        print("bestmove h8g8", flush=True)
"""
FAULTS = {
    "crash": ("sys.exit(3)", "ended before it said 'bestmove'"),
    "hang": ("time.sleep(60)", "said no 'bestmove' within 0.5 s"),
    "silence": ("print('bestmove h8g8', flush=True); continue", "scored 0 of 1 legal moves"),
}


def faulty(folder: Path, kind: str, faults: int) -> EngineConfig:
    """An engine that scores one position right, after so many faults of one kind."""
    program = folder / f"{kind}.py"
    log = str(folder / "log")
    text = FAULTY.format(python=sys.executable, log=log, faults=faults, fault=FAULTS[kind][0])
    program.write_text(text)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return EngineConfig(str(program), Limit(depth=3), patience_seconds=0.5)


def dies_once(folder: Path, engine: str) -> Path:
    """A program that dies in the middle of its greeting the first time, and then is ``engine``."""
    program, seen = folder / "dies_once", folder / "seen"
    program.write_text(
        f"#!/bin/sh\nif [ -e {seen} ]; then exec {engine}; fi\n"
        f"touch {seen}\nread line\necho id name Faulty\nexit 1\n"
    )
    program.chmod(0o755)
    return program


ONE_MOVE = "7k/8/6K1/8/8/8/8/1R6 b - - 0 40"
