"""Which positions are kept: by lot, the same on every machine, as many as was asked for."""

import numpy as np
import pytest

from data_pipeline.beam import selection
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.dataset.records import make_record
from data_pipeline.encoding.values import ValueBins, win_probability
from data_pipeline.sources.entries import unscored
from tests.helpers.random_chess import random_boards, random_record

KEYS = [np.random.default_rng(i).bytes(8) for i in range(4000)]


def test_lots_are_even_and_independent_of_each_other():
    lots = np.array([[selection.lot(key, purpose) for purpose in (1, 2, 3)] for key in KEYS])
    assert lots.min() >= 0 and lots.max() < 1
    np.testing.assert_allclose(lots.mean(axis=0), 0.5, atol=0.02)
    assert np.abs(np.corrcoef(lots.T) - np.eye(3)).max() < 0.05
    assert selection.lot(bytes(8), 1) == pytest.approx(0.8833108082136426)  # 0xe220a8397b1dcdaf


def test_limit():
    buckets = selection.total_counts([{selection.limit_bucket(key): 1} for key in KEYS])
    for most in (1, 10, 1000, 3999, 4000, 10**6):
        end = selection.limit_of(buckets, most)
        kept = sum(selection.limit_bucket(key) < end for key in KEYS)
        assert kept <= most
        assert kept >= min(most, len(KEYS)) - 5


def test_shares_to_balance():
    bins = ValueBins(4)
    shares = selection.keep_shares({0: 100, 1: 700, 3: 200}, bins, 1.0)
    assert shares == {0: 1.0, 1: 250 / 700, 3: 1.0}
    assert selection.keep_shares({0: 100, 1: 700}, bins, 100.0) == {0: 1.0, 1: 1.0}


def test_value_bins_without_decoding():
    rng = np.random.default_rng(0)
    bins = ValueBins(64)
    for board in random_boards(seed=5, games=2):
        for record in (
            random_record(board, rng, clocks=bool(rng.integers(2)), played=7, state_score=3),
            random_record(board, rng, clocks=bool(rng.integers(2))),
            unscored(board, clocks=True, state_score=-250, played=5),
        ):
            data = records.encode(record)
            assert records.num_scored_moves(data) == len(record.actions)
            score = record.scores[0] if len(record.scores) else record.state_score
            assert records.value_of(data) == score
            if score is not None:
                assert records.value_bin(data, bins) == bins.bin_of(win_probability(score))
    mated = make_record(board, np.array([3, 4], np.uint16), np.array([-31_990, -31_950]))
    assert records.value_of(records.encode(mated)) == -31_950
    assert records.value_bin(records.encode(unscored(board, clocks=False)), bins) == -1


@pytest.mark.parametrize(
    "wrong",
    [
        {"test_share": 0.6, "validation_share": 0.5},
        {"validation_share": -0.1},
        {"bins": 1},
        {"shards": 0},
        {"sample": 0.0},
        {"max_positions": 0},
        {"balance": 0.0},
        {"format": "csv"},
    ],
)
def test_options_are_checked(wrong):
    with pytest.raises(InputError, match="expected"):
        DatasetOptions(**wrong)


def test_splits_by_hash():
    options = DatasetOptions(validation_share=0.1, test_share=0.2)
    splits = [options.split_of(key) for key in KEYS]
    assert splits.count("test") / len(KEYS) == pytest.approx(0.2, abs=0.02)
    assert splits.count("validation") / len(KEYS) == pytest.approx(0.1, abs=0.02)
