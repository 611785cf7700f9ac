"""How every command ends where its reader goes away, it is interrupted or the encoding is small."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.paths import ROOT
from uci import cli
from uci.commands import elo

PROGRAM = "import sys; from uci.cli import main; sys.exit(main())"


def start(*arguments: str, **options) -> subprocess.Popen:
    environment = os.environ | {"JAX_PLATFORMS": "cpu"} | options.pop("env", {})
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment, **options
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["elo", "--help"], ["uci"]])
def test_a_reader_that_goes_away_is_no_news(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdin=subprocess.PIPE, stdout=writing)
    os.close(writing)
    assert process.communicate("uci\nisready\nquit\n")[1] == ""
    assert process.returncode in (0, 1)


@pytest.mark.parametrize("after_s", [0.3, 1.0, 2.5])
def test_an_interruption_while_loading_is_one_line(after_s):
    process = start("play", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err or after_s < 0.5  # not even Python has started
    assert process.returncode in (0, 1, -signal.SIGINT)


def test_an_interruption_anywhere_in_a_command(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    for place, name in ((elo, "run"), (cli, "parse_args")):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, interrupted)
            assert cli.main(["elo", "games.pgn"]) == 1
    monkeypatch.setattr(cli.importlib, "import_module", interrupted)
    assert cli.main(["elo", "games.pgn"]) == 1
    assert capsys.readouterr().err == "argmax elo: interrupted\n" * 3


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_small_encoding_is_no_traceback(encoding):
    position = "8/P6k/8/8/8/8/8/K7 w - - 0 1"
    process = start("analyse", position, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "a8=Q" in out
    assert "?" not in out
