"""Packed records: the same bytes come back, in half of the space, or an error that says so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import MANIFEST, Dataset
from data_pipeline.dataset.packing import pack, unpack
from data_pipeline.dataset.records import encode
from tests.helpers.random_chess import (
    en_passant_boards,
    random_boards,
    random_record,
    scored_records,
    write_dataset,
)
from uci.cli import main


def all_kinds() -> list[bytes]:
    """Records with and without each optional field, and some that lack moves."""
    rng = np.random.default_rng(3)
    fields = ({}, {"clocks": True}, {"state_score": -40}, {"played": 7}, {"depth": 9})
    encoded = []
    for number, board in enumerate([*random_boards(seed=2, games=2), *en_passant_boards()]):
        record = random_record(board, rng, **fields[number % len(fields)])
        if number % 3 == 0 and len(record.actions) > 2:
            record = replace(record, shallow_depth=5, deep_moves=2)
        if number % 7 == 0:
            few = len(record.actions) // 2
            actions, scores = record.actions[:few], record.scores[:few]
            record = replace(record, actions=actions, scores=scores, complete=number % 2 == 0)
        encoded.append(encode(record))
    return encoded


@pytest.mark.parametrize("encoded", [[], scored_records(3, complete=False), all_kinds()])
def test_the_same_bytes_come_back(encoded):
    assert unpack(pack(encoded)) == encoded


def test_packed_records_are_small():
    encoded = scored_records(400)
    assert len(pack(encoded)) < 0.75 * sum(map(len, encoded))  # scores at random, few positions


def test_damage_is_told():
    packed = pack(scored_records(20))
    for wrong in (b"", b"x" + packed, packed[:-3], packed[:200] + b"\1\2\3" + packed[203:]):
        with pytest.raises(InputError, match="expected packed records"):
            unpack(wrong)


@pytest.fixture
def packed(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    write_dataset(tmp_path / "data")
    argv = ["data", "pack", str(tmp_path / "data"), "--out", str(tmp_path / "packed")]
    assert main([*argv, "--workers", "1"]) == 0
    assert "packed, 340 positions" in capsys.readouterr().out
    return tmp_path / "packed"


def test_a_dataset_there_and_back(packed, tmp_path, capsys):
    with pytest.raises(InputError, match="argmax data pack"):
        Dataset(packed)
    again = tmp_path / "again"
    assert main(["data", "pack", str(packed), "--out", str(again), "--workers", "1"]) == 0
    for path in (tmp_path / "data").glob("*.bag"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    told = json.loads((again / MANIFEST).read_bytes())
    assert told == json.loads((tmp_path / "data" / MANIFEST).read_bytes()) | {"format": "native"}
    (packed / "train-00001-of-00002.packed").unlink()
    argv = ["data", "pack", str(packed), "--out", str(tmp_path / "third"), "--workers", "1"]
    assert main(argv) == 2
    assert "train-00001-of-00002.bag is missing" in capsys.readouterr().err
