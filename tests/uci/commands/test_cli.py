"""The `argmax` command: which subcommands there are, exit statuses, one line for every error."""

import importlib
import re
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from data_pipeline.common.errors import ArgmaxError, InputError
from tests.helpers.paths import ROOT
from uci import cli


@dataclass(frozen=True)
class NoArgs:
    """A command without options."""


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Runs `argmax broken`, which raises what it is given, and returns the exit status."""

    def run(error: BaseException) -> int:
        module = types.ModuleType("broken", "A command that fails.")

        def fail(args: NoArgs) -> int:
            raise error

        module.Args, module.run = NoArgs, fail  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "broken", module)
        monkeypatch.setitem(cli.COMMANDS, "broken", ("broken", "fails"))
        return cli.main(["broken"])

    return run


@pytest.mark.parametrize("argument", ["-h", "--help", "help"])
def test_help_names_every_command(argument: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([argument]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, summary) in cli.COMMANDS.items():
        assert any(line.split("  ")[1:2] == [name] and summary in line for line in lines)


def test_help_imports_nothing_heavy():
    script = "from uci.cli import main; main(['--help']); import sys; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert not {"jax", "numpy", "chess", "tyro", "rich"} & set(output.splitlines()[-1].split())


def test_commands_import_nothing_heavy():
    names = [module for module, _ in cli.COMMANDS.values()]
    script = f"import {', '.join(names)}, sys; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert not {"jax", "apache_beam", "grain", "matplotlib"} & set(output.split())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]):
    module = importlib.import_module(cli.COMMANDS[name][0])
    assert module.__doc__
    with pytest.raises(SystemExit) as stop:
        cli.main([*name.split(), "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert f"argmax {name}" in text
    assert "None" not in text
    assert "(default: )" not in text
    assert not re.search(r"\[(PATH|STR|INT|FLOAT) \[|ANNOTATED", text)


def test_no_command_shows_the_overview(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == 2
    assert "argmax COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["analyze"], ["data", "eat"], ["--verbose"], [""]])
def test_unknown_commands_end_with_2_and_one_line(
    argv: list[str], capsys: pytest.CaptureFixture[str]
):
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert f"found '{' '.join(argv)}'" in err


@pytest.mark.parametrize(
    ("argv", "status"), [("data", 2), ("data --help", 0), ("data -h", 0), ("help data", 0)]
)
def test_a_group_lists_its_commands(argv: str, status: int, capsys: pytest.CaptureFixture[str]):
    assert cli.main(argv.split()) == status
    listed = {line.split("  ")[1] for line in capsys.readouterr().out.splitlines()[2:]}
    assert listed == {name for name in cli.COMMANDS if name.startswith("data ")}


def test_a_command_can_be_asked_about_in_either_order(capsys: pytest.CaptureFixture[str]):
    for argv in (["help", "network", "info"], ["network", "info", "--help"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(argv)
        assert stop.value.code == 0
        assert "argmax network info" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        *("puzzles", "review", "elo", "network average --out x"),
        *("data annotate --out x", "data convert --out x", "data selfplay --games 2 --out x"),
        "data deepen --then depth=6 --out x",
    ],
)
def test_a_command_without_its_files_says_what_it_expects(command, capsys):
    assert cli.main(command.split()) == 2
    err = capsys.readouterr().err
    assert re.search(r"expected .*(file|network)s?\b.*, found (none|0)$", err.strip())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("expected a FEN, found 'x'"), 2),
        (ArgmaxError("the engine died"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 1),
    ],
)
def test_errors_are_one_line(
    error: BaseException,
    status: int,
    run_raising: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
):
    assert run_raising(error) == status
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("argmax broken: ")
    assert err.count("\n") == 1
    assert str(error) in err


def test_a_package_of_an_extra_is_asked_for(
    run_raising: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
):
    assert run_raising(ModuleNotFoundError("No module", name="grain.python")) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "grain" in err
    assert "'train'" in err


def test_other_missing_modules_are_our_own_mistakes(run_raising: Callable[[BaseException], int]):
    with pytest.raises(ModuleNotFoundError):
        run_raising(ModuleNotFoundError("No module", name="engine.nothing"))


def test_our_own_mistakes_keep_their_traceback(run_raising: Callable[[BaseException], int]):
    with pytest.raises(ZeroDivisionError):
        run_raising(ZeroDivisionError())


def test_a_wrong_option_ends_with_2(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        cli.main(["analyse", "--no-such-option"])
    assert stop.value.code == 2
    assert not capsys.readouterr().out


def test_an_illegal_fen_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["analyse", "8/8/8/8/8/8/8/8 w - - 0 1"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert "8/8/8/8/8/8/8/8" in err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_page_of_the_documents_names_every_command(name: str):
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    shown = re.compile(rf"argmax {name}\b")
    assert any(shown.search(page.read_text()) for page in pages)
