"""`argmax data stats`: the counts add up, shared positions are found, pictures are drawn."""

import json
from pathlib import Path

import pytest

from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pipeline import convert
from data_pipeline.encoding.phases import PHASES
from tests.helpers.paths import FIXTURES
from uci.cli import main

EVALUATIONS = FIXTURES / "evaluations.jsonl.zst"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("stats") / "dataset"
    convert([EVALUATIONS], out, DatasetOptions(test_share=0.3, validation_share=0.2))
    return out


def test_counts_add_up(dataset, capsys):
    assert main(["data", "stats", str(dataset), "--against", str(dataset), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert sum(of["positions"] for of in result["splits"].values()) == 198
    for split, of in result["splits"].items():
        for name in ("value_bins", "men", "plies", "depths", "phases"):
            assert sum(of[name].values()) == of["positions"], name
        assert of["complete"] == of["positions"] >= of["mates"]
        assert set(of["phases"]) <= set(PHASES)
        assert of["depths"] == {"5": of["positions"]}
        expected = {other: of["positions"] * (other == split) for other in result["splits"]}
        assert result["shared"][split] == expected


def test_table_and_pictures(dataset, tmp_path, capsys):
    for name, start in (("a.png", b"\x89PNG"), ("a.html", b"<!DOCTYPE html>")):
        assert main(["data", "stats", str(dataset), "--picture", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert "moves per position" in capsys.readouterr().out
    assert main(["data", "stats", str(dataset), "--picture", str(tmp_path / "a.txt")]) == 2
    assert main(["data", "stats", str(tmp_path)]) == 2
