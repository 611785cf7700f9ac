"""Positions in files between two steps: all of them, in their buckets, in little memory."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.beam import pieces
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets, divide, read_all, write_piece
from data_pipeline.beam.pipeline import _parts, convert
from data_pipeline.dataset.records import Keyed
from tests.helpers.paths import FIXTURES

KEYS = st.binary(min_size=8, max_size=8)
EDGES = [bytes(8), bytes([255] * 8)]


def some(number: int) -> list[Keyed]:
    rng = random.Random(number)
    splits = ("", "train", "test")
    return [
        (rng.randbytes(8), rng.randbytes(rng.randrange(1, 99)), rng.choice(splits))
        for _ in range(number)
    ]


@given(st.lists(KEYS), st.integers(1, 9), st.integers(1, 9))
def test_slices_lie_in_the_order_of_the_hash(keys, shards, slices):
    buckets = Buckets(shards, slices)
    for shard in range(shards):
        mine = sorted(key for key in keys + EDGES if int.from_bytes(key) % shards == shard)
        of_mine = [buckets.bucket_of(key) for key in mine]
        assert of_mine == sorted(of_mine)
        assert {buckets.shard_of(bucket) for bucket in of_mine} <= {shard}


@pytest.mark.parametrize("buffer_bytes", [1, 1000, 1 << 20])
def test_what_is_divided_is_there_again(tmp_path, monkeypatch, buffer_bytes):
    monkeypatch.setattr(pieces, "BUFFER_BYTES", buffer_bytes)
    entries, buckets = some(300), Buckets(3, 4)
    found = divide(tmp_path / "a.bag", iter(entries), buckets)
    assert len({bucket for bucket, _ in found}) == len(found) <= 12
    assert sum(len(piece) for _, piece in found) == 300
    for bucket, piece in found:
        mine = [entry for entry in entries if buckets.bucket_of(entry[0]) == bucket]
        assert list(piece.read()) == mine
    again = divide(tmp_path / "b.bag", iter(entries), buckets)
    assert [piece.ranges for _, piece in again] == [piece.ranges for _, piece in found]
    assert (tmp_path / "a.bag").read_bytes() == (tmp_path / "b.bag").read_bytes()


def test_nothing_to_divide(tmp_path):
    assert divide(tmp_path / "a.bag", [], Buckets(2)) == []


@pytest.mark.parametrize("number", [0, 1, 10, 11, 25])
def test_blocks_of_a_piece(tmp_path, number):
    entries = some(number)
    blocks = list(write_piece(tmp_path / "a.bag", entries).blocks(10))
    assert list(read_all(blocks)) == entries
    assert [len(block) for block in blocks] == [10] * (number // 10) + [5] * (number % 10 == 5) + [
        1
    ] * (number % 10 == 1)


def test_slices_do_not_show_in_the_dataset(tmp_path, monkeypatch):
    files = [FIXTURES / "evaluations.jsonl.zst"] * 2
    options = DatasetOptions(shards=2, max_positions=90, balance=1.0, bins=4, test_share=0.3)
    convert(files, tmp_path / "one", options)
    monkeypatch.setattr(pieces, "BUCKET_BYTES", files[0].stat().st_size // 8)
    monkeypatch.setattr(pieces, "BUFFER_BYTES", 1000)
    assert Buckets.of_size(options, 2 * files[0].stat().st_size).slices > 4
    convert(files, tmp_path / "many", options)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


@pytest.mark.parametrize(("files", "parts"), [(1, 32), (3, 32), (7, 16), (99, 1), (999, 1)])
def test_few_parts_of_many_files(tmp_path, files, parts):
    path = tmp_path / "large.jsonl"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    small = tmp_path / "small.jsonl"
    small.touch()
    found = list(_parts([(path, "")] * files + [(small, "test")]))
    assert {part.parts for part in found if part.path == str(path)} == {parts}
    assert [part.parts for part in found if part.path == str(small)] == [1]
    assert len({(part.file, part.part) for part in found}) == len(found)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}
