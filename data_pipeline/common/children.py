"""Programs started by this process end with it, even if it is killed.

Otherwise an engine that is waiting, or does not read its input, would survive ``kill -9``. A small
guard process reads a pipe that only this process writes to. When the pipe closes, for any reason,
the guard kills the process groups that it was told about, and ends.
"""

import contextlib
import os
import subprocess
import sys
import threading

_GUARD = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    groups ^= {int(line)}
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class _Guard:
    """The guard of this process, started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def change(self, group: int, watched: bool) -> None:
        with self._lock:
            if self._owner != os.getpid():  # the first call, or the first one after a fork
                self._groups, self._process, self._owner = set(), _start(), os.getpid()
            if (group in self._groups) == watched:
                return
            self._groups ^= {group}
            assert self._process and self._process.stdin
            # If the guard has been killed, programs still end when told to.
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{group}\n")
                self._process.stdin.flush()


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl+C in this process does not reach the guard
    )


_guard = _Guard()


def guard(group: int) -> None:
    """Kill the process group ``group`` when this process ends."""
    _guard.change(group, True)


def release(group: int) -> None:
    """The group has ended, or is about to end: its id may be reused by the system."""
    _guard.change(group, False)
