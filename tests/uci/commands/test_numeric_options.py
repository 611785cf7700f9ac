"""Numbers outside what an option takes are refused by its name, for every option of every command,
before any work."""

import dataclasses
import importlib
import math
from collections.abc import Iterator
from typing import Annotated, Any, get_type_hints

import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.common.ranges import OutOfRange, Range, check_ranges, ranges
from tests.helpers.paths import FIXTURES
from uci import cli


def numeric_options(args: type) -> Iterator[tuple[str, Range | None, Any]]:
    """The numeric fields of a command's options and of the configurations within them."""
    yield from ranges(args)
    for kind in get_type_hints(args).values():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from numeric_options(kind)


def required(args: type) -> list[str]:
    """Words for the options that have no default."""
    words, positional = [], []
    for field in dataclasses.fields(args):
        kind = str(get_type_hints(args, include_extras=True)[field.name]).lower()
        if field.default is dataclasses.MISSING and "omit" not in kind:
            if "positional" in kind:
                positional.append("1")
            else:
                words += [f"--{field.name.replace('_', '-')}", "1"]
    return [*positional, *words]


def outside(expected: Range, whole: bool) -> list[str]:
    """Numbers just outside a range."""
    found = [] if whole else ["nan", "inf"]
    if math.isfinite(expected.low):
        found += [f"{expected.low - 1:g}"] + [f"{expected.low:g}"] * expected.open
    if math.isfinite(expected.high):
        found += [f"{expected.high + 1:.0f}"]
    return found


OPTIONS = [
    (command, name, expected, "float" not in str(kind))
    for command, (module, _) in cli.COMMANDS.items()
    for name, expected, kind in numeric_options(importlib.import_module(module).Args)
]


@pytest.mark.parametrize(("command", "name", "expected", "whole"), OPTIONS)
def test_every_numeric_option_has_a_range_and_keeps_to_it(command, name, expected, whole, capsys):
    assert expected is not None, f"argmax {command} --{name}: say what numbers it takes"
    args = importlib.import_module(cli.COMMANDS[command][0]).Args
    option = f"--{name.replace('_', '-')}"
    given = required(args)
    if option in given:
        at = given.index(option)
        del given[at : at + 2]
    texts = outside(expected, whole)
    assert texts and not any(float(text) in expected for text in texts)
    text = texts[(len(command) + len(name)) % len(texts)]  # one of them: the command line is slow
    values = [text, "1"] if name == "sprt" else [text]
    status = cli.main([*command.split(), *given, option, *values])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"argmax {command}: expected {option} " in err
    assert f"found {float(text):.12g}" in err.replace(".0", "")


def test_there_are_many_numeric_options():
    assert len(OPTIONS) > 60


@dataclasses.dataclass(frozen=True)
class Inner:
    share: Annotated[float, Range(0, 1, open=True)] = 0.5
    unchecked: int = -5


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    sizes: tuple[Annotated[int, Range(2, 9)], ...] = ()
    count: Annotated[int, Range(1)] | None = None


def test_ranges_of_nested_fields_and_tuples():
    for config in (Outer(), Outer(Inner(1.0), (2, 9), 1)):
        check_ranges(config)
    for config, said in (
        (Outer(Inner(0.0)), "expected share above 0 and up to 1, found 0.0"),
        (Outer(Inner(math.nan)), "found nan"),
        (Outer(sizes=(2, 10)), "expected sizes of 2 to 9, found 10"),
        (Outer(count=0), "expected count of at least 1, found 0"),
    ):
        with pytest.raises(OutOfRange, match=said) as error:
            check_ranges(config)
        assert str(error.value.as_option()).startswith("expected --")


def test_a_file_in_place_of_a_dataset():
    from data_pipeline.dataset.dataset import Dataset

    with pytest.raises(InputError, match=r"directory, found the file .*; make a dataset of it"):
        Dataset(FIXTURES / "evaluations.jsonl.zst")


def test_unknown_flags_of_beam_are_refused(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text("")
    flags = "--beam-flags=--no_such_flag=1"
    argv = ["data", "convert", f"{tmp_path / 'a.jsonl'}", "--out", f"{tmp_path / 'out'}", flags]
    assert cli.main(argv) == 2
    assert "--no_such_flag" in capsys.readouterr().err


def test_a_path_with_a_comma(tmp_path, capsys):
    """Such a path is no player's text: what is said is that there is no file."""
    argv = ["--network", f"{tmp_path / 'a,b.safetensors'}"]
    for command in (["puzzles", f"{tmp_path / 'p.csv'}"], ["report", "--out", f"{tmp_path}"]):
        (tmp_path / "p.csv").write_text(
            "PuzzleId,FEN,Moves,Rating\nb1,6k1/5ppp/8/8/1p6/7P/5PP1/R3R1K1 b - - 0 1,b4b3 e1e8,9\n"
        )
        assert cli.main([*command, *argv]) != 0
        assert "a,b.safetensors" in capsys.readouterr().err


def test_whole_numbers_of_any_length_are_compared():
    assert 10**400 in Range(1) and 10**400 not in Range(1, 9)
    assert str(Range(1, 10_000_000)) == "of 1 to 10000000"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("match --opponents random random:name=b --games 1000000000", "--games of 1 to 10000000"),
        ("match --opponents random uci:'open --games 2", "a UCI program as words of a shell"),
        ("data convert f.fen --out o --beam-flags='open", "--beam-flags as words of a shell"),
    ],
)
def test_what_would_never_end_or_be_understood_is_refused(command, expected, capsys):
    assert cli.main(command.split()) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert f"expected {expected}" in said
