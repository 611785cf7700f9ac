"""Names from files, networks and engines are shown as they are and can do nothing to the screen."""

import ast
import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from data_pipeline.common.errors import ArgmaxError
from data_pipeline.common.plain_text import clean, one_line, say
from data_pipeline.common.terminal import PlainConsole, progress_bar, report_console
from tests.helpers.paths import ROOT
from uci import cli
from uci.commands import network_info, puzzles
from uci.protocol.stdio import writer
from uci.terminal.match_table import table

HOSTILE = [
    "Bot [v2]",
    "[link=http://example.org]click[/link]",
    "[bold red]b[/nope]",
    "[/]",
    ":smile:",
    "\x1b]0;PWNED\x07\x1b[31mEvil",
    "a\x9b2Jb\x7fc\rd\x08",
    "gpj\u202egnp.exe\u2066\ufeff\u2028x",
    "\udcff",
]


def is_safe(text: str) -> bool:
    return all(mark in "\n\t" or mark.isprintable() or mark == "\u3000" for mark in text)


def as_shown(name: str) -> str:
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in name)


@given(st.text())
def test_cleaned_text_holds_nothing_but_what_can_be_seen(text):
    cleaned = clean(text)
    assert len(cleaned) == len(text)
    assert clean(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    assert not any(mark < " " and mark not in "\n\t" for mark in cleaned)
    assert not {"\x7f", "\x9b", "\u202e", "\u2028", "\ufeff"} & set(cleaned)
    assert len(one_line(text).splitlines()) <= 1


@pytest.mark.parametrize("name", ["Ørsted–Ünal ½", "Таль", "棋士", "😀", "a\tb\nc", "♔"])
def test_names_of_all_languages_stay_as_they_are(name):
    assert clean(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_console_shows_a_name_as_it_is(name):
    out = io.StringIO()
    console = PlainConsole(file=out, width=100)
    grid = Table(name, title=name, caption=name)
    grid.add_row(name)
    console.print(name)
    console.print(grid)
    with console.status(name):
        console.print(name)
    assert out.getvalue().count(as_shown(name)) == 6
    assert is_safe(out.getvalue())


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_said_and_what_goes_wrong(name, capsys, monkeypatch):
    say(name)
    say("a", name, file=sys.stderr)
    monkeypatch.setattr(cli, "parse_args", lambda *_: (_ for _ in ()).throw(ArgmaxError(name)))
    assert cli.main(["elo", "x"]) == 1
    assert cli.main([name]) == 2
    out, err = capsys.readouterr()
    assert out == as_shown(name) + "\n"
    assert err.count(as_shown(name)) == 3
    assert is_safe(out + err)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_uci_line_stays_one_line(name):
    out = io.StringIO()
    writer(out)(f"info string {name}\nbestmove a1a1")
    assert out.getvalue() == f"info string {as_shown(name)} bestmove a1a1\n"


def test_elo_tells_players_apart(tmp_path, capsys):
    names = [name for name in HOSTILE if '"' not in name and "\udcff" not in name]
    names = [name.replace("\r", "") for name in [*names, "Bot [v3]"]]
    pgn = tmp_path / "games.pgn"
    rounds = zip(names, [*names[1:], names[0]], strict=True)
    games = [(white, black, ("1-0", "0-1")[i % 2]) for i, (white, black) in enumerate(rounds)]
    text = "".join(
        f'[White "{white}"]\n[Black "{black}"]\n[Result "{result}"]\n\n1. e4 e5 {result}\n\n'
        for white, black, result in games
    )
    pgn.write_bytes(text.encode())
    assert cli.main(["elo", str(pgn), "--bootstrap", "0"]) == 0
    out, err = capsys.readouterr()
    assert is_safe(out + err)
    for name in ("Bot [v2]", "Bot [v3]", "[link=http://example.org]click[/link]", ":smile:"):
        assert name in out


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_of_matches_puzzles_evaluations_and_networks(name, capsys):
    line = dict.fromkeys(("wins", "draws", "losses"), 1) | {"elo_interval_95": [0, 1]}
    line |= dict.fromkeys(("score", "elo", "likelihood_of_superiority"), 0.5)
    report_console().print(table({"pairings": [line | {"a": name, "b": "b"}]}))
    part = {"total": 1, "solved": 1, "solve_rate": 1.0, "interval_95": [0.5, 1.0]}
    speed = {"positions": 1, "seconds": 1.0, "positions_per_second": 1.0}
    puzzles.show(part | speed | {"puzzle_rating": None, "bands": [], "themes": {name: part}})
    network_info._print_fields(
        {"name": name, name: {"teacher": name}, "rows": [[name], {"a": name}]}
    )
    with progress_bar(name, 2) as advance:
        advance(1)
    out, err = capsys.readouterr()
    assert out.count(as_shown(name)) == 7
    assert is_safe(out + err)


def test_nothing_is_printed_in_another_way():
    """Commands print by `say`, a `PlainConsole`, or as JSON, which escapes what is not ASCII."""
    for folder in ("uci", "engine", "model", "data_pipeline"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name in ("plain_text.py", "terminal.py") and path.parent.name == "common":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                    continue
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                assert node.func.id != "Console", f"{where}: use PlainConsole"
                argument = ast.unparse(node.args[0]) if node.args else ""
                is_json = argument.startswith("json.dumps(")
                assert node.func.id != "print" or not argument or is_json, f"{where}: use say"
