"""A stream of batches can be left and taken up again, whoever prepares them."""

from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.loader import Stream, training_batches
from data_pipeline.dataset.dataset import Rows, write_bag
from data_pipeline.dataset.records import encode
from tests.helpers.random_chess import random_boards, random_record


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    rng = np.random.default_rng(0)
    path: Path = tmp_path_factory.mktemp("stream") / "rows.bag"
    write_bag(path, (encode(random_record(board, rng)) for board in random_boards(3, games=2)))
    return Rows(path)


def stream(rows: Rows, processes: int) -> Stream:
    options = BatchOptions(16, after=True, mirrored=True, oversampling=0.1)
    return training_batches(rows, 32, 4, options, processes=processes)


def assert_same(found, expected) -> None:
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_do_not_depend_on_who_prepares_them_or_where_the_stream_starts(rows, processes):
    batches = stream(rows, 0)
    expected = [next(batches) for _ in range(9)]
    batches.close()
    found = stream(rows, processes)
    for index in range(3):
        assert found.get_state() == {"next_index": index}
        assert_same(next(found), expected[index])
    found.set_state({"next_index": 6})
    for index in range(6, 9):
        assert_same(next(found), expected[index])
    found.close()
    found.close()
    found.set_state({"next_index": 1})
    assert_same(next(found), expected[1])
    found.close()


def test_batches_differ_from_epoch_to_epoch(rows):
    batches = stream(rows, 0)
    assert (next(batches).targets != next(batches).targets).any()
    batches.close()
