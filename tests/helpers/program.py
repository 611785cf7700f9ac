"""A UCI engine as a process: say lines, wait for answers."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

from tests.helpers.conversation import Conversation
from tests.helpers.paths import ROOT

PATIENCE_SECONDS = 180  # on a machine that is busy with other things


class Program(Conversation):
    """The engine with pipes on both ends. A context manager."""

    patience_seconds = PATIENCE_SECONDS

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=ROOT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def say(self, *lines: str) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()
