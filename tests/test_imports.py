"""Who imports whom, and what stays out of the processes that play."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["data_pipeline", "model", "engine", "uci"]  # each may import those before it
TRAINING_ONLY = {"apache_beam", "bagz", "grain", "optax", "orbax", "tensorboardX", "matplotlib"}
POSITION = "r1bqkbnr/pppp1ppp/2n5/4p3/2B1P3/5Q2/PPPP1PPP/RNB1K1NR w KQkq - 4 4"


def imported_packages(source: Path) -> Iterator[str]:
    """The top-level packages that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source.read_text(), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", LAYERS)
def test_imports_run_one_way(package: str):
    above = set(LAYERS[LAYERS.index(package) + 1 :]) | {"tests"}
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    wrong = {
        str(source.relative_to(ROOT)): found
        for source in sources
        if (found := above & set(imported_packages(source)))
    }
    assert not wrong


def modules_loaded_by(statements: str) -> set[str]:
    """The top-level modules that a new Python process holds after the statements."""
    report = "\nimport sys; print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    process = subprocess.run(
        [sys.executable, "-c", statements + report],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return set(process.stderr.splitlines()[-1].split())


def modules_loaded_by_uci(commands: str, until: str) -> set[str]:
    """The top-level modules that `python -m uci` imports before its answer ``until``."""
    imported = set()
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "uci"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # in one stream, so that the order is seen
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(commands)
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith(until):
                break
            imported.add(line.rpartition("|")[2].strip().split(".")[0])
        else:
            pytest.fail(f"the engine ended without {until}")
        process.communicate("quit\n")
    assert "uci" in imported
    return imported


def test_analysing_loads_nothing_for_training():
    command = f"from uci.cli import main; assert main(['analyse', {POSITION!r}, '--json']) == 0"
    loaded = modules_loaded_by(command)
    assert "jax" in loaded
    assert not loaded & TRAINING_ONLY


def test_uciok_comes_before_jax():
    assert not modules_loaded_by_uci("uci\n", "uciok") & {"jax", "jaxlib", "haiku"}


def test_the_uci_engine_loads_nothing_for_training():
    loaded = modules_loaded_by_uci("position startpos\ngo depth 1\n", "bestmove")
    assert "jax" in loaded
    assert not loaded & TRAINING_ONLY


def test_playing_in_the_terminal_loads_nothing_for_training():
    assert not modules_loaded_by("import uci.commands.play") & {*TRAINING_ONLY, "jax"}


def test_import_uci_is_light():
    assert not modules_loaded_by("import uci") & {"jax", "haiku", "numpy", "chess", "tyro"}
