"""Options of UCI programs: every kind of option, with values that it takes and that it does not."""

import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.teachers.uci_options import check_options, offered_options

GREETING = """\
id name Any 1
option name Hash type spin default 16 min 1 max 1024
option name Contempt type spin default 0 min -100 max 100
option name Free type spin default 0
option name Use NNUE type check default true
option name Style type combo default Normal var Solid var Normal var Very Risky
option name Clear Hash type button
option name SyzygyPath type string default <empty>
option name MultiPV type spin default 1 min 1 max 500
 option name Indented type check default false
uciok
"""
OFFERED = offered_options(GREETING)


def test_every_option_of_a_greeting_is_read():
    assert list(OFFERED)[:3] == ["Hash", "Contempt", "Free"] and len(OFFERED) == 9
    assert (OFFERED["Contempt"].min, OFFERED["Contempt"].max) == (-100, 100)
    assert OFFERED["Style"].var == ["Solid", "Normal", "Very Risky"]


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("Hash", "1024", ("Hash", "1024")),
        ("hash", " +7 ", ("Hash", "7")),
        ("CONTEMPT", "-100", ("Contempt", "-100")),
        ("Free", "-123456", ("Free", "-123456")),
        ("use nnue", "False", ("Use NNUE", "false")),
        ("Style", "very risky", ("Style", "Very Risky")),
        ("Clear Hash", "", ("Clear Hash", "")),
        ("SyzygyPath", "C:\\tables;d=é", ("SyzygyPath", "C:\\tables;d=é")),
        ("SyzygyPath", "", ("SyzygyPath", "")),
    ],
)
def test_values_that_a_program_takes(name, value, sent):
    assert check_options({name: value}, OFFERED, "Any 1") == dict([sent])


@pytest.mark.parametrize("value", ["lots", "", "0", "1025", "16MB", "1e2", "²", "1_0", "9" * 5000])
def test_a_number_that_an_option_does_not_take(value):
    expected = (
        r"^expected a whole number of 1 to 1024 for the option Hash of Any 1, found '.{0,130}'$"
    )
    with pytest.raises(InputError, match=expected):
        check_options({"Hash": value}, OFFERED, "Any 1")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Free", "x", "expected a whole number for the option Free of Any 1, found 'x'"),
        ("Use NNUE", "maybe", "expected true or false for the option Use NNUE of Any 1"),
        ("Style", "Wild", "expected one of Solid, Normal, Very Risky for the option Style"),
        ("Clear Hash", "now", "expected no value for the option Clear Hash"),
        ("SyzygyPath", "a\nquit", "expected one line of text for the option SyzygyPath"),
        ("Haash", "1", r"expected an option of Any 1 \(Clear Hash, .*\), found 'Haash'; Hash\?"),
        ("", "1", r"expected an option of Any 1 \(Clear Hash, .*\), found ''$"),
        ("Hash\nquit", "1", "expected an option of Any 1"),
        ("multipv", "1", "expected other options than multipv"),
    ],
)
def test_options_that_a_program_does_not_take(name, value, said):
    with pytest.raises(InputError, match=said):
        check_options({name: value}, OFFERED, "Any 1")


def test_a_program_without_options():
    with pytest.raises(InputError, match=r"expected an option of Any 1 \(none\), found 'Hash'"):
        check_options({"Hash": "1"}, {}, "Any 1")
