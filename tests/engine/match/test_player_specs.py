"""Players by their text, and the openings they start from."""

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.errors import InputError
from data_pipeline.teachers.options import Limit, Stage
from engine.match.openings import choose_openings, read_openings
from engine.match.player_specs import numbered, parse_spec, parse_specs


@pytest.mark.parametrize(
    ("text", "kind", "target", "settings", "name"),
    [
        ("random", "random", "", {}, "random"),
        ("random:seed=3", "random", "", {"seed": 3}, "random"),
        ("network", "network", "", {}, "argmax"),
        ("network:rules=off", "network", "", {"rules": False}, "argmax"),
        ("network:rules=reference", "network", "", {"rules": "reference"}, "argmax"),
        (
            "network:temperature=0.005,temperature_moves=5",
            "network",
            "",
            {"temperature": 0.005, "temperature_moves": 5},
            "argmax temperature=0.005 temperature_moves=5",
        ),
        (
            "network:a/b.safetensors,temperature=0.1",
            "network",
            "a/b.safetensors",
            {"temperature": 0.1},
            "b temperature=0.1",
        ),
        ("stockfish:elo=1500", "stockfish", "", {"elo": 1500}, "stockfish elo=1500"),
        (
            "stockfish:skill=0,nodes=1000",
            "stockfish",
            "",
            {"skill": 0, "nodes": 1000},
            "stockfish skill=0 nodes=1000",
        ),
        ("uci:/usr/bin/eng -x=1,depth=1", "uci", "/usr/bin/eng -x=1", {"depth": 1}, "eng depth=1"),
        ("uci:eng,name=Fred", "uci", "eng", {}, "Fred"),
        (
            "teacher:depth=5,then=8,then=10x3",
            "teacher",
            "",
            {"depth": 5, "then": (Stage(Limit(depth=8)), Stage(Limit(depth=10), 3))},
            "teacher depth=5 then=8x1 then=10x3",
        ),
    ],
)
def test_specs(text, kind, target, settings, name):
    spec = parse_spec(text)
    assert (spec.kind, spec.target, spec.settings, spec.name) == (kind, target, settings, name)


def test_uci_options():
    spec = parse_spec("uci:eng,option.Skill Level=3,option.Hash=16")
    assert spec.options == {"Skill Level": "3", "Hash": "16"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gnuchess", "expected a player"),
        ("stockfish:elo=strong", "a whole number for elo"),
        ("network:rules=maybe", "on, off or reference for rules"),
        ("stockfish:temperature=1", "a setting of 'stockfish'"),
        ("stockfish:1500", "KEY=VALUE"),
        ("uci:", "a program"),
        ("random:seed", "KEY=VALUE"),
        ("teacher:then=deep", "such as 10x3, for then"),
        ("teacher:then=8x0", "moves"),
        ("teacher:elo=1500", "a setting of 'teacher'"),
    ],
)
def test_wrong_specs_say_what_was_expected(text, said):
    with pytest.raises(InputError, match=said):
        parse_spec(text)


def test_players_of_one_name_are_numbered():
    specs = parse_specs(["random", "random:seed=1", "network:a/b.safetensors", "random"])
    assert [spec.name for spec in specs] == ["random", "random (2)", "b", "random (3)"]
    assert specs[1].settings == {"seed": 1}


@given(st.lists(st.sampled_from(["Bot", "Bot (2)", "Bot (3)", "bot", ""]), max_size=8))
def test_numbered_names_are_different_and_keep_what_comes_first(names):
    different = numbered(names)
    assert len(set(different)) == len(names)
    for place, name in enumerate(names):
        if name not in names[:place]:
            assert different[place] == name
        else:
            assert different[place].startswith(f"{name} (")


def test_built_in_openings_are_distinct_positions_to_play_from():
    fens = read_openings()
    assert len(set(fens)) == len(fens) >= 50
    assert all(chess.Board(fen).is_valid() for fen in fens)


def test_openings_files(tmp_path):
    path = tmp_path / "openings.epd"
    path.write_text(
        '# three\n4k3/8/8/8/8/8/8/R3K3 w Q - id "x";\n\n4k3/8/8/8/8/8/8/R3K3 b Q - 3 9\n'
    )
    assert read_openings(path) == [
        "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1",
        "4k3/8/8/8/8/8/8/R3K3 b Q - 3 9",
    ]
    path.write_text("4k3/8/8/8/8/8/8/R3K3 w Q - 0 1\n4k3/8/8 w - -\n")
    with pytest.raises(InputError, match=r"openings\.epd:2"):
        read_openings(path)
    path.write_text("# nothing\n")
    with pytest.raises(InputError, match="found none"):
        read_openings(path)


def test_each_opening_comes_once_before_any_comes_again():
    fens = [str(i) for i in range(5)]
    chosen = choose_openings(fens, 12, seed=1)
    assert sorted(chosen[:5]) == sorted(chosen[5:10]) == fens
    assert chosen == choose_openings(fens, 12, seed=1) != choose_openings(fens, 12, seed=2)
