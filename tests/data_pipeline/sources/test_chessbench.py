"""ChessBench bags: byte-exact with Beam's coders, there and back."""

import shutil
from pathlib import Path

import bagz
import pytest
from apache_beam import coders

from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.sources.chessbench import (
    POLICIES,
    Entry,
    decode_entry,
    encode_entry,
    entries_of,
    policy_of,
    read_bag,
    score_of,
    win_prob_of,
)
from data_pipeline.sources.entries import BadEntry, Rejected, Share
from tests.helpers.paths import REFERENCE

TEXT, NUMBER = coders.StrUtf8Coder(), coders.FloatCoder()
CODERS = {
    "action_value": coders.TupleCoder((TEXT, TEXT, NUMBER)),
    "state_value": coders.TupleCoder((TEXT, NUMBER)),
    "behavioral_cloning": coders.TupleCoder((TEXT, TEXT)),
}


def sample(policy: str) -> Path:
    return REFERENCE / f"{policy}-sample.bag"


@pytest.mark.parametrize("policy", POLICIES)
def test_byte_exact_with_beam(policy):
    for data in bagz.Reader(str(sample(policy))):
        entry = decode_entry(data, policy)
        fields = tuple(field for field in entry if field is not None)
        assert CODERS[policy].decode(data) == fields
        assert encode_entry(entry) == data == CODERS[policy].encode(fields)


def test_long_strings():
    entry = Entry("x" * 20_000, "y" * 130, 0.25)
    data = encode_entry(entry)
    assert data == CODERS["action_value"].encode(tuple(entry))
    assert decode_entry(data, "action_value") == entry


@pytest.mark.parametrize("policy", POLICIES)
def test_there_and_back_to_the_byte(policy):
    entries = list(read_bag(str(sample(policy)), Share()))
    ours = [records.encode(entry) for entry in entries if not isinstance(entry, Rejected)]
    assert len(ours) == len(entries) == 51  # one record a position
    back = [encode_entry(e) for data in ours for e in entries_of(records.decode(data), policy)]
    assert sorted(back) == sorted(bagz.Reader(str(sample(policy))))


def test_action_values_are_complete():
    for record in read_bag(str(sample("action_value")), Share()):
        assert not isinstance(record, Rejected)
        assert record.complete and record.clocks
        assert len(record.actions) == record.board.legal_moves.count()


def test_what_state_values_and_moves_follow_from():
    record = next(iter(read_bag(str(sample("action_value")), Share())))
    assert not isinstance(record, Rejected)
    (value,) = entries_of(record, "state_value")
    (move,) = entries_of(record, "behavioral_cloning")
    best = next(iter(entries_of(record, "action_value")))
    assert (value.win_prob, move.move) == (best.win_prob, best.move)


def test_sharded_and_shared(tmp_path):
    for shard in range(2):
        name = f"action_value-{shard:05d}-of-00002_data.bag"
        shutil.copy(sample("action_value"), tmp_path / name)
    path = str(tmp_path / "action_value@2_data.bag")
    assert len(list(read_bag(path, Share()))) == 102
    parts = [entry for part in range(3) for entry in read_bag(path, Share(part, 3))]
    assert sum(len(r.actions) for r in parts if not isinstance(r, Rejected)) == 2 * 1181


def test_bad_entries(tmp_path):
    path = tmp_path / "action_value_data.bag"
    fen = "7k/8/6K1/8/8/8/8/1R6 b - - 0 40"
    with bagz.Writer(str(path)) as writer:
        for data in (
            encode_entry(Entry(fen, "h8g8", 0.0)),
            b"\xff",
            encode_entry(Entry(fen, "h8h7", 0.1)),
            encode_entry(Entry(fen, "a9a9", 0.1)),
            encode_entry(Entry(fen, "h8g8", 1.5)),
            encode_entry(Entry("nothing", "h8g8", 0.5)),
        ):
            writer.write(data)
    entries = list(read_bag(str(path), Share()))
    reasons = [entry.reason for entry in entries if isinstance(entry, Rejected)]
    assert len(entries) == 6
    assert reasons == [
        "not a ChessBench record",
        "illegal move",
        "illegal move",
        "win probability outside [0, 1]",
        "illegal FEN",
    ]


def test_a_bag_cut_in_the_middle(tmp_path):
    path = tmp_path / "action_value_data.bag"
    path.write_bytes(sample("action_value").read_bytes()[:40_000])
    (rejected,) = read_bag(str(path), Share())
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "not a bag, or a bag cut short"


def test_scores():
    for score in (-5000, -1, 0, 37, 1234):
        assert score_of(win_prob_of(score)) == score
    assert (score_of(1.0), score_of(0.0)) == (31_000, -31_000)
    assert (win_prob_of(31_999), win_prob_of(-31_000)) == (1.0, 0.0)
    with pytest.raises(BadEntry):
        score_of(float("nan"))


def test_names():
    assert policy_of("x/state_value@7_data.bag") == "state_value"
    with pytest.raises(InputError, match="whose name starts with action_value"):
        policy_of("train.bag")
