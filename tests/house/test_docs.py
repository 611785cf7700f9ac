"""The documents agree with the repository: links, paths, modules, commands and pictures."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest

from docs.figures import diagrams
from tests.helpers.paths import ROOT
from tests.house.test_imports import ROOMS, SOURCES
from uci.cli import COMMANDS

READMES = [ROOT / folder / "README.md" for folder in ("", "notebooks", "benchmarks/data")]
PAGES = sorted([*READMES, *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
DOTTED = re.compile(rf"(?<![\w.])(?:{'|'.join(ROOMS)})(?:\.\w+)+")
PATH = re.compile(r"(?:data_pipeline|model|engine|uci|tests|benchmarks|notebooks|docs)/[\w./-]*")
SIZE_LIMIT = 300_000
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose_of(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


@cache
def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def names_in(module: str) -> set[str]:
    """What a module defines at its top, and ``Class.member`` of its classes."""
    names: set[str] = set()
    for node in ast.parse(SOURCES[module].read_text()).body:
        names |= _defined(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for inner in node.body for name in _defined(inner)}
    return names


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module or something that one defines."""
    if dotted in SOURCES:
        return True
    parts = dotted.split(".")
    return any(
        ".".join(parts[:end]) in SOURCES
        and ".".join(parts[end:]) in names_in(".".join(parts[:end]))
        for end in range(len(parts) - 1, 0, -1)
    )


@pages
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(prose_of(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@pages
def test_modules_and_what_they_define_exist(page):
    mentioned = {name for code in CODE.findall(prose_of(page)) for name in DOTTED.findall(code)}
    assert not [name for name in sorted(mentioned) if not exists(name)]


@pages
def test_paths_exist(page):
    codes = [code for code in CODE.findall(prose_of(page)) if PATH.fullmatch(code)]
    assert not [path for path in sorted(set(codes)) if not (ROOT / path).exists()]


@pages
def test_commands_exist(page):
    groups = {name.split()[0] for name in COMMANDS}
    found = re.findall(
        r"(?:^|`|bin/)argmax ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", page.read_text(), re.MULTILINE
    )
    wrong = [
        f"{first} {second}"
        for first, second in found
        if first not in groups
        or (first not in COMMANDS and second and f"{first} {second}" not in COMMANDS)
    ]
    assert not wrong


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_the_diagrams_are_those_of_the_code():
    stale = [n for n, svg in diagrams.diagrams().items() if (ROOT / "docs" / n).read_text() != svg]
    assert not stale, "run: python docs/figures/diagrams.py"


def test_the_package_diagram_has_the_order_of_imports():
    assert {name: list(rooms) for name, (_, _, rooms) in diagrams.PACKAGES.items()} == ROOMS


@pytest.mark.parametrize("name", ["game.svg", "analysis.svg", "network.svg", "packages.svg"])
def test_pictures_are_small_and_whole(name):
    path = ROOT / "docs" / name
    assert path.stat().st_size < SIZE_LIMIT
    picture = ElementTree.parse(path).getroot()
    assert picture.find("{http://www.w3.org/2000/svg}title") is not None


def test_the_game_stands_still_where_no_motion_is_wanted():
    styles = (ROOT / "docs/game.svg").read_text().partition("</style>")[0]
    still, _, moving = styles.partition("@media (prefers-reduced-motion: no-preference)")
    assert "animation" not in still
    assert "animation" in moving
