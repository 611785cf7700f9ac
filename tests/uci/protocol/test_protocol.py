"""The parser and the rendered lines of the UCI protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uci.protocol.options import Options, find, render_specs, specs_for, with_value
from uci.protocol.protocol import (
    Bare,
    Debug,
    Go,
    Invalid,
    Position,
    SetOption,
    Unknown,
    parse,
    render_bestmove,
    render_info,
    render_option,
    render_string,
)

FEN = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
VOCABULARY = (
    "uci isready ucinewgame stop ponderhit quit debug on off setoption name value position "
    "startpos fen moves go searchmoves ponder wtime btime winc binc movestogo depth nodes mate "
    "movetime infinite perft MultiPV Draw Contempt e2e4 e7e8q 0000 -1 1000 99999999999999999999 "
    "register later <empty> \t \x00 é 1e5 8/8/8/8 w KQkq - 0"
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("uci", Bare.UCI),
        ("  isready\r\n", Bare.IS_READY),
        ("\tucinewgame  ", Bare.NEW_GAME),
        ("joho debug on", Debug(True)),
        ("debug off", Debug(False)),
        ("hello stop", Bare.STOP),
        ("UCI", Unknown("UCI")),
        ("", None),
        (" \t\r\n", None),
        ("setoption name Clear Hash", SetOption("Clear Hash", None)),
        ("setoption name  Draw   Contempt value\t-10", SetOption("Draw Contempt", "-10")),
        (
            "setoption name Network value /a b/c.safetensors",
            SetOption("Network", "/a b/c.safetensors"),
        ),
        ("setoption name SyzygyPath value", SetOption("SyzygyPath", "")),
        ("position startpos", Position(None)),
        ("position startpos moves e2e4 e7e5", Position(None, ("e2e4", "e7e5"))),
        (f"position fen {FEN} moves e2e4", Position(FEN, ("e2e4",))),
        ("go", Go()),
        ("go infinite", Go(infinite=True)),
        (
            "go ponder wtime 1000 btime 2000",
            Go(numbers={"wtime": 1000, "btime": 2000}, ponder=True),
        ),
        ("go depth 5 blah movetime -20", Go(numbers={"depth": 5, "movetime": -20})),
        (
            "go searchmoves e2e4 d2d4 nodes 10 winc 5",
            Go(("e2e4", "d2d4"), {"nodes": 10, "winc": 5}),
        ),
        ("go wtime soon btime", Go(ignored=("wtime soon", "btime"))),
    ],
)
def test_parsing(line, command):
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        "debug",
        "debug maybe",
        "position",
        "position fen",
        "position e2e4",
        "setoption",
        "setoption X",
    ],
)
def test_commands_that_make_no_sense_say_so(line):
    command = parse(line)
    assert isinstance(command, Invalid)
    assert "expected" in command.problem
    assert f"'{line}'" in command.problem


def test_what_is_quoted_is_kept_short():
    command = parse("setoption " + "x" * 100_000)
    assert isinstance(command, Invalid)
    assert len(command.problem) < 300


@given(st.text())
def test_any_text_parses(line):
    parse(line)


@given(st.lists(st.sampled_from(VOCABULARY.split(" "))).map(" ".join))
def test_any_words_parse_whatever_the_white_space(line):
    assert parse(line) == parse(line.replace(" ", " \t ") + "\r\n")


def test_rendering():
    assert render_info({"depth": 1, "score": "cp 3"}) == "info depth 1 score cp 3"
    assert render_string("two\nlines") == "info string two lines"
    assert render_bestmove(None) == "bestmove (none)"
    assert render_bestmove("e2e4", "e7e5") == "bestmove e2e4 ponder e7e5"
    assert render_option("Clear Hash", "button") == "option name Clear Hash type button"
    assert render_option("P", "string", "") == "option name P type string default <empty>"
    spin = "option name MultiPV type spin default 1 min 1 max 9"
    assert render_option("MultiPV", "spin", 1, (1, 9)) == spin
    assert render_option("Rules", "check", True) == "option name Rules type check default true"


def test_every_option_has_a_default_within_its_range():
    specs = specs_for((800, 1400))
    defaults = Options(elo=1400)
    assert len(list(render_specs(specs, defaults))) == len(specs)
    for spec in specs:
        if spec.kind == "spin":
            with_value(defaults, spec, str(getattr(defaults, spec.field)))


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("multipv", "3", "multipv", 3),
        ("DRAW CONTEMPT", "-20", "draw_contempt", -20),
        ("Rules", "False", "rules", False),
        ("Network", "<empty>", "network", ""),
    ],
)
def test_values_are_taken_over_and_names_have_no_case(name, value, field, expected):
    spec = find(specs_for(None), name)
    assert spec
    assert getattr(with_value(Options(), spec, value), field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MultiPV", "0"),
        ("MultiPV", "many"),
        ("MultiPV", None),
        ("Rules", "perhaps"),
        ("Risk", "100"),
    ],
)
def test_values_out_of_range_are_refused(name, value):
    spec = find(specs_for(None), name)
    assert spec
    with pytest.raises(ValueError, match=f"{name}: expected"):
        with_value(Options(), spec, value)


def test_strength_is_only_offered_where_it_was_measured():
    assert find(specs_for(None), "UCI_Elo") is None
    assert [s.limits for s in specs_for((900, 1500)) if s.name == "UCI_Elo"] == [(900, 1500)]
