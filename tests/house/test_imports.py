"""Who imports whom, and what stays out of the processes that play."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.helpers.paths import ROOT

ROOMS = {
    "data_pipeline": ["common", "encoding", "dataset", "sources", "teachers", "beam", "batches"],
    "model": ["config", "overrides", "targets", "network", "inference", "evaluation", "training"],
    "engine": ["networks", "play", "rating", "match", "measure", "report", "review", "study"],
    "uci": ["protocol", "terminal", "board", "commands", "cli"],
}
"""Packages, and in each its sub-packages and modules: each may import those before it."""
ORDER = [f"{package}.{room}" for package, rooms in ROOMS.items() for room in rooms]
TRAINING_ONLY = {"apache_beam", "bagz", "grain", "optax", "orbax", "tensorboardX", "matplotlib"}
POSITION = "r1bqkbnr/pppp1ppp/2n5/4p3/2B1P3/5Q2/PPPP1PPP/RNB1K1NR w KQkq - 4 4"


SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ROOMS
    for path in sorted((ROOT / package).rglob("*.py"))
}
"""Module -> its file."""


def imports_of(module: str) -> Iterator[str]:
    """The modules that a module imports, at its top or inside a function, not only for types."""
    tree = ast.parse(SOURCES[module].read_text(), str(SOURCES[module]))
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and _for_types(node)]
    skipped = {id(inner) for node in typing for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"a relative import in {module}"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in SOURCES else node.module


def _for_types(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def room_of(module: str) -> str:
    """The sub-package of a module; the package itself for what lies directly in it."""
    return ".".join(module.split(".")[:2])


def test_every_room_has_its_place_in_the_order():
    directly = {*ROOMS, "uci.__main__"}
    assert {room_of(module) for module in SOURCES} - directly == set(ORDER)


def test_imports_run_one_way_between_rooms_and_packages():
    wrong = [
        f"{module} imports {found}"
        for module in SOURCES
        if room_of(module) in ORDER
        for found in imports_of(module)
        if found.split(".")[0] in {"tests", "benchmarks", "notebooks"}
        or (room_of(found) in ORDER and ORDER.index(room_of(found)) > ORDER.index(room_of(module)))
    ]
    assert not wrong


def test_no_modules_import_one_another_in_a_circle():
    graph = {module: {f for f in imports_of(module) if f in SOURCES} for module in SOURCES}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


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
    assert not modules_loaded_by(command) & {*TRAINING_ONLY, "jax"}


def test_uciok_comes_before_the_network_is_loaded():
    assert not modules_loaded_by_uci("uci\n", "uciok") & {"numpy", "safetensors"}


def test_the_uci_engine_loads_nothing_for_training():
    loaded = modules_loaded_by_uci("position startpos\ngo depth 1\n", "bestmove")
    assert "numpy" in loaded
    assert not loaded & {*TRAINING_ONLY, "jax"}


def test_playing_in_the_terminal_loads_nothing_for_training():
    assert not modules_loaded_by("import uci.commands.play") & {*TRAINING_ONLY, "jax"}


def test_import_uci_is_light():
    assert not modules_loaded_by("import uci") & {"jax", "haiku", "numpy", "chess", "tyro"}
