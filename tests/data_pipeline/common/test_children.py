"""No program outlives the command that started it, also where that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.paths import FIXTURES, ROOT

DEAF = f"import sys, time; sys.stdout.write('{'x' * 9}\\n'); sys.stdout.flush(); time.sleep(60)"
PARENT = """
import subprocess, sys, time
from data_pipeline.common import children
def start():
    return subprocess.Popen([sys.executable, "-c", {deaf!r}], start_new_session=True,
                            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
a, b, released = start(), start(), start()
for program in (a, b, released):
    children.guard(program.pid)
children.release(released.pid)
print(a.pid, b.pid, released.pid, flush=True)
time.sleep({seconds})
"""
COMMAND = "import sys; from uci.cli import main; sys.exit(main())"


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(pids: list[int], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def named(pids: list[int], name: str) -> list[int]:
    found = []
    for pid in pids:
        try:
            if name in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
        except OSError:
            continue
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_programs_end_with_their_parent(how):
    program = PARENT.format(deaf=DEAF, seconds=0 if how is None else 60)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout
        *watched, released = map(int, parent.stdout.readline().split())
        try:
            if how is not None:
                assert all(map(alive, watched))
                parent.send_signal(how)
            parent.wait()
            assert all_end(watched)
            assert alive(released)
        finally:
            os.kill(released, signal.SIGKILL)


@needs_proc
@pytest.mark.parametrize(
    ("how", "command", "child"),
    [
        (signal.SIGKILL, "data convert {file} --out {out} --workers 2", "data_pipeline.beam"),
        (signal.SIGTERM, "data annotate {file} --out {out} --workers 2 --depth 60", "stockfish"),
    ],
)
def test_workers_and_engines_end_with_the_command(how, command, child, stockfish_path, tmp_path):
    """Kills a conversion whose two workers have just started, and an annotation at work."""
    file = FIXTURES / ("openings.epd" if child == "stockfish" else "evaluations.jsonl.zst")
    arguments = command.format(file=file, out=tmp_path / "out").split()
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as parent:
        deadline = time.monotonic() + 60
        found: list[int] = []
        while len(found) < 2 and time.monotonic() < deadline and parent.poll() is None:
            time.sleep(0.1)
            found = named(descendants(parent.pid), child)
        children = descendants(parent.pid)
        parent.send_signal(how)
        parent.wait()
    assert len(found) == 2
    assert all_end(children)
