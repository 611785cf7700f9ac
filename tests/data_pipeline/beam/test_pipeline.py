"""The whole pipeline on small files, run in this process: what is written, and what is refused."""

import json
import shutil
from pathlib import Path

import bagz
import chess
import pytest
import zstandard

from data_pipeline.beam import transforms
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pipeline import convert
from data_pipeline.common.errors import ArgmaxError, InputError
from data_pipeline.common.files import numbered_lines
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import SPLITS, Dataset, position_hash, write_bag
from data_pipeline.sources.chessbench import decode_entry
from tests.helpers.bad_lines import BAD_LINES
from tests.helpers.paths import FIXTURES
from uci.cli import main
from uci.commands.evaluate import read_split

CASES = FIXTURES / "cases"
EVALUATIONS = FIXTURES / "evaluations.jsonl.zst"
LINES = [line for _, line in numbered_lines(EVALUATIONS)]


def contents(directory: Path) -> dict[str, list[bytes]]:
    dataset = Dataset(directory)
    return {split: sorted(dataset.records(split)) for split in SPLITS}


def fens(encoded: list[bytes]) -> set[str]:
    return {records.decode(data).board.epd() for data in encoded}


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("converted") / "dataset"
    convert([EVALUATIONS], out, DatasetOptions(validation_share=0.1, test_share=0.2))
    return out


def test_what_is_written(converted):
    manifest = json.loads((converted / "dataset.json").read_text())
    assert manifest["format_version"] == 1
    assert manifest["read"] == len(LINES) == sum(manifest["counts"].values())
    assert sum(manifest["value_bins"]) == len(LINES)
    assert manifest["sources"][0]["file"] == EVALUATIONS.name
    assert len(manifest["sources"][0]["sha256"]) == 64
    assert (converted / "rejected.jsonl").read_text() == ""
    names = {path.name for path in converted.iterdir()}
    assert len(names) == 3 * 8 + 2
    assert not converted.with_name("dataset.unfinished").exists()
    dataset = Dataset(converted)
    assert all(dataset.size(split) == len(dataset.records(split)) > 0 for split in SPLITS)


def test_a_dataset_of_a_dataset_has_the_same_records(converted, tmp_path):
    options = DatasetOptions(validation_share=0.1, test_share=0.2, shards=2)
    manifest = convert([converted, EVALUATIONS], tmp_path / "again", options)
    assert manifest["dropped"] == {"duplicate": len(LINES)}
    assert contents(tmp_path / "again") == contents(converted)


def test_a_broken_record_of_a_dataset_costs_that_record(converted, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(converted, broken)
    shard = next(path for path in sorted(broken.glob("train-*")) if path.stat().st_size)
    rows = list(bagz.Reader(str(shard)))
    write_bag(shard, [rows[0][:20], *rows[1:]])
    with pytest.raises(InputError, match=f"expected {shard} as it was written"):
        convert([broken], tmp_path / "again", DatasetOptions())
    bags = [broken / f"{split}@8.bag" for split in SPLITS]
    manifest = convert(bags, tmp_path / "again", DatasetOptions())
    assert manifest["dropped"] == {"broken record": 1}
    assert manifest["read"] == len(LINES) - 1
    (rejected,) = (tmp_path / "again" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["file"].endswith("train@8.bag")


def test_every_entry_is_in_exactly_one_count(tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join([*LINES[:40], *BAD_LINES, *LINES[:5], b""]))
    shutil.copy(CASES / "operations.epd", tmp_path)
    (tmp_path / "castling.fen").write_text("4k3/8/8/8/8/8/8/R3K3 w KQkq - 0 9\n" * 2)
    options = DatasetOptions(min_ply=3, sample=0.9, max_positions=30, shards=2)
    manifest = convert(sorted(tmp_path.iterdir()), tmp_path / "out", options)
    assert manifest["read"] == 45 + 4 + 2 and manifest["rejected"] == len(BAD_LINES)
    assert manifest["mended"] == {"castling rights": 2}
    written, dropped = sum(manifest["counts"].values()), sum(manifest["dropped"].values())
    assert manifest["read"] + manifest["rejected"] == written + dropped
    assert 0 < written <= 30


def test_a_conversion_that_keeps_nothing_says_why(tmp_path, capsys):
    path = tmp_path / "plain.jsonl.zst"
    path.write_bytes(LINES[0])
    out = tmp_path / "out"
    assert main(["data", "convert", str(path), "--out", str(out), "--workers", "1"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "expected positions to keep, found none (dropped: 1 not zstd data)" in said
    assert json.loads((out / "rejected.jsonl").read_text())["reason"] == "not zstd data"


def test_positions_of_files_that_others_wrote(tmp_path):
    """A null move, a long window and games that are hard to cut: none costs the whole run."""
    names = ("null-move.pgn", "null-line.jsonl", "double-blank-fen.pgn", "long-window.jsonl.zst")
    files = [CASES / name for name in (*names, "bom.epd", "operations.epd")]
    options = DatasetOptions(keep_unscored=True, validation_share=0, test_share=0, shards=1)
    manifest = convert(files, tmp_path / "out", options)
    assert manifest["rejected"] == 2
    assert {name: manifest["dropped"][name] for name in ("null move", "illegal move")} == {
        "null move": 1,
        "illegal move": 1,
    }
    assert manifest["read"] == 3 + 1 + 4 + 3 + 2 + 4


@pytest.mark.parametrize("value", [10**9, -1, 0, None, 1.5, "8", True, []])
def test_numbers_in_a_manifest_are_checked_before_they_are_used(converted, tmp_path, value):
    manifest = json.loads((converted / "dataset.json").read_text())
    for name in ("shards", "bins"):
        (tmp_path / "dataset.json").write_text(json.dumps(manifest | {name: value}))
        with pytest.raises(InputError, match=f"expected {name} of"):
            Dataset(tmp_path)
    for name in ("counts", "dropped", "checksums"):
        (tmp_path / "dataset.json").write_text(json.dumps(manifest | {name: value}))
        with pytest.raises(InputError, match=f"expected {name} by name"):
            Dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps(manifest | {"dropped": {"x": "y"}}))
    with pytest.raises(InputError, match="expected a count for 'x'"):
        Dataset(tmp_path)
    for text in ("[" * 99_999, "5", "{", '{"format_version": [1]}'):
        (tmp_path / "dataset.json").write_text(text)
        with pytest.raises(InputError):
            Dataset(tmp_path)


def test_damage_to_a_shard_is_named(converted, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(converted, broken)
    assert Dataset(broken).verify()
    shard = max(broken.glob("train-*"), key=lambda path: path.stat().st_size)
    data = shard.read_bytes()
    for bit in range(0, 8 * len(data), 8 * len(data) // 20 + 1):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        shard.write_bytes(flipped)
        with pytest.raises(InputError, match=f"expected {shard} as it was written"):
            Dataset(broken).verify("train")
        with pytest.raises(InputError, match=f"expected {shard} as it was written"):
            read_split(broken, "train", None)
    for end in range(0, len(data), len(data) // 20 + 1):
        shard.write_bytes(data[:end])
        try:
            for record in Dataset(broken).records("train"):
                records.decode(record)
        except InputError as error:
            assert shard.name in str(error) or "position record" in str(error)
            assert len(str(error).splitlines()) == 1
    manifest = json.loads((broken / "dataset.json").read_text())
    del manifest["checksums"]
    (broken / "dataset.json").write_text(json.dumps(manifest))
    assert not Dataset(broken).verify()
    assert "has no checksums" in capsys.readouterr().err


def test_exact_scores_for_all_but_the_test_split_given(tmp_path):
    few = tmp_path / "few.jsonl"
    line = {"fen": "8/8/8/3k4/8/8/8/KR6 w - -", "evals": [{"depth": 5, "pvs": []}]}
    line["evals"][0]["pvs"] = [{"cp": 600, "line": "b1b4"}]
    few.write_text(json.dumps(line) + "\n")
    options = DatasetOptions(exact=True, validation_share=0, test_share=0, shards=1)
    convert([few], tmp_path / "learned", options)
    convert([], tmp_path / "tested", options, test_files=[few])
    (learned,) = Dataset(tmp_path / "learned").records("train")
    (tested,) = Dataset(tmp_path / "tested").records("test")
    assert (records.decode(learned).depth, records.decode(tested).depth) == (255, 5)


def test_splits_go_by_the_position_alone(converted):
    options = DatasetOptions(validation_share=0.1, test_share=0.2)
    for split, encoded in contents(converted).items():
        for data in encoded:
            assert options.split_of(position_hash(records.decode(data).board)) == split


def test_independent_of_shards_order_and_files(converted, tmp_path):
    backwards = tmp_path / "backwards.jsonl"
    backwards.write_bytes(b"\n".join(LINES[:80:-1]) + b"\n")
    rest = tmp_path / "rest.jsonl.zst"
    rest.write_bytes(zstandard.compress(b"\n".join(LINES[:120])))
    options = DatasetOptions(validation_share=0.1, test_share=0.2, shards=3)
    manifest = convert([rest, backwards], tmp_path / "out", options)
    assert manifest["dropped"] == {"duplicate": 120 - 81}
    assert contents(tmp_path / "out") == contents(converted)


def test_the_same_to_the_byte_with_two_workers(converted, tmp_path):
    flags = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    options = DatasetOptions(validation_share=0.1, test_share=0.2)
    convert([EVALUATIONS], tmp_path / "out", options, beam_flags=flags)
    for path in converted.iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


def test_the_same_to_the_byte_where_every_bundle_is_done_twice(tmp_path):
    """As a cluster does that loses a worker: the counts and the rejected lines, too."""
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join([*LINES, *BAD_LINES, *LINES[:5]]))
    options = DatasetOptions(sample=0.9, max_positions=150, balance=1.0, bins=4)
    for name, flags in (("once", []), ("twice", ["--direct_runner_bundle_repeat=1"])):
        convert([tmp_path / "bad.jsonl"], tmp_path / name, options, beam_flags=flags)
    dropped = json.loads((tmp_path / "twice" / "dataset.json").read_text())["dropped"]
    assert {"beyond max-positions", "to balance", *BAD_LINES.values()} <= set(dropped)
    names = {path.name for path in (tmp_path / "once").iterdir()}
    assert names == {path.name for path in (tmp_path / "twice").iterdir()}
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_what_a_killed_worker_left_is_not_in_the_dataset(tmp_path, monkeypatch):
    read = transforms.Read.process

    def leave(self, element):
        for directory in (self.place.dataset, self.place.rejected, self.place.counts):
            (directory / ".cut short.json").write_text('{"rea')
        yield from read(self, element)

    monkeypatch.setattr(transforms.Read, "process", leave)
    manifest = convert([EVALUATIONS], tmp_path / "out", DatasetOptions(shards=1))
    assert manifest["read"] == len(LINES)
    assert len(list((tmp_path / "out").iterdir())) == len(SPLITS) + 2


def test_bad_lines_are_counted_and_kept_with_their_numbers(tmp_path):
    lines = [LINES[0], *BAD_LINES, *LINES[1:5], LINES[0]]
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines))
    manifest = convert([tmp_path / "bad.jsonl"], tmp_path / "out", DatasetOptions(shards=1))
    assert manifest["read"] == sum(manifest["counts"].values()) + 1 == 6
    reasons = list(BAD_LINES.values())
    dropped = {reason: reasons.count(reason) for reason in reasons} | {"duplicate": 1}
    assert manifest["dropped"] == dropped
    text = (tmp_path / "out" / "rejected.jsonl").read_text()
    rejected = [json.loads(line) for line in text.splitlines()]
    assert [entry["line"] for entry in rejected] == list(range(2, len(reasons) + 2))
    assert [entry["reason"] for entry in rejected] == reasons


def test_a_truncated_file_costs_only_its_end(tmp_path):
    data = zstandard.compress(b"\n".join(LINES[:50]) + b"\n")
    (tmp_path / "a.jsonl.zst").write_bytes(data + zstandard.compress(LINES[50])[:-9])
    manifest = convert([tmp_path / "a.jsonl.zst"], tmp_path / "out", DatasetOptions())
    assert (manifest["read"], manifest["dropped"]) == (50, {"truncated file": 1})


def test_files_given_to_the_test_split(tmp_path):
    test = tmp_path / "test.jsonl"
    test.write_bytes(b"\n".join(LINES[:60]))
    manifest = convert([EVALUATIONS], tmp_path / "out", DatasetOptions(), test_files=[test])
    found = contents(tmp_path / "out")
    assert manifest["counts"]["test"] == 60
    assert manifest["dropped"] == {"duplicate": 60}
    expected = {chess.Board(json.loads(line)["fen"] + " 0 1").epd() for line in LINES[:60]}
    assert fens(found["test"]) == expected
    assert not fens(found["test"]) & (fens(found["train"]) | fens(found["validation"]))


def test_positions_that_are_left_out_are_in_no_split(tmp_path):
    boards = [chess.Board(json.loads(line)["fen"] + " 0 1") for line in LINES]
    test = tmp_path / "test.jsonl"
    test.write_bytes(b"\n".join(LINES[:60]))
    left_out = {position_hash(board) for board in boards[50:80]}
    manifest = convert(
        [EVALUATIONS],
        tmp_path / "out",
        DatasetOptions(),
        test_files=[test],
        left_out=left_out | {b"another!"},
    )
    assert manifest["counts"]["test"] == 50
    assert manifest["dropped"] == {"duplicate": 60, "left out": 30}
    found = set().union(*map(fens, contents(tmp_path / "out").values()))
    assert found == {board.epd() for board in boards[:50] + boards[80:]}


def test_all_positions_of_puzzles_can_be_left_out(tmp_path, capsys):
    reply = chess.Board()
    reply.push_uci("e2e4")
    reply.push_uci("e7e5")
    (tmp_path / "some.fen").write_text(f"{reply.fen()}\n")
    (tmp_path / "puzzles.csv").write_text(
        "PuzzleId,FEN,Moves,Rating,Themes\n"
        f"a,{chess.STARTING_FEN},e2e4 e7e5 g1f3 b8c6,1500,opening\n"
    )
    (tmp_path / "games.pgn").write_text("1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 *\n")
    convert = f"data convert {tmp_path}/games.pgn --keep-unscored --json --out {tmp_path}"
    for files, expected in (("some.fen", 1), ("puzzles.csv", 5)):
        command = f"{convert}/{expected} --leave-out {tmp_path}/{files}"
        assert main(command.split()) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["dropped"]["left out"] == expected
    written = sum(found["written"].values())
    assert main(f"{convert}/rest --leave-out {tmp_path}/{expected}".split()) == 0  # a dataset
    assert json.loads(capsys.readouterr().out)["dropped"]["left out"] == written
    assert main(f"{convert}/none --leave-out {tmp_path}/absent.fen".split()) == 2
    assert "absent.fen" in capsys.readouterr().err


def test_limit_sample_and_balance(tmp_path):
    options = DatasetOptions(max_positions=50, sample=0.7, balance=1.0, bins=4)
    manifest = convert([EVALUATIONS], tmp_path / "out", options)
    dropped, written = manifest["dropped"], sum(manifest["counts"].values())
    assert 0.5 < 1 - dropped["not in the sample"] / len(LINES) < 0.9
    before = len(LINES) - dropped["not in the sample"] - dropped["beyond max-positions"]
    assert before == 50
    assert before - dropped["to balance"] == written == sum(manifest["value_bins"])
    assert 0 < written < 50


def test_positions_without_scored_moves(tmp_path):
    path = tmp_path / "games.pgn"
    path.write_text("1. e4 { [%eval 0.3] } e5 { [%eval 0.2] } 2. Nf3 *\n")
    nothing = convert([path], tmp_path / "a", DatasetOptions())
    assert nothing["dropped"] == {"no scored moves": 4}
    kept = convert([path], tmp_path / "b", DatasetOptions(keep_unscored=True, min_ply=2))
    assert kept["dropped"] == {"before min-ply": 2}
    assert sum(kept["counts"].values()) == 2


def test_chessbench_there_and_back(tmp_path):
    sample = FIXTURES / "reference" / "action_value-sample.bag"
    options = DatasetOptions(test_share=0.0, validation_share=0.0, shards=1)
    convert([sample], tmp_path / "native", options)
    assert Dataset(tmp_path / "native").size("train") == 51
    policy = DatasetOptions(test_share=0.0, validation_share=0.0, shards=1, format="action_value")
    manifest = convert([sample], tmp_path / "bags", policy)
    bag = bagz.Reader(str(tmp_path / "bags" / "train" / "action_value_data.bag"))
    assert sorted(bag) == sorted(bagz.Reader(str(sample)))
    assert (manifest["counts"]["train"], manifest["entries"]["train"]) == (51, 1181)
    with pytest.raises(InputError, match="expected a native dataset"):
        Dataset(tmp_path / "bags")
    sharded = DatasetOptions(keep_unscored=True, shards=2, format="state_value", test_share=0.5)
    sample = FIXTURES / "reference" / "state_value-sample.bag"
    convert([sample], tmp_path / "states", sharded)
    entries = [
        decode_entry(data, "state_value")
        for split in SPLITS
        for data in bagz.Reader(str(tmp_path / "states" / split / "state_value@2_data.bag"))
    ]
    assert len(entries) == 51


def test_scattered_moves_of_one_position_come_together(tmp_path):
    sample = FIXTURES / "reference" / "action_value-sample.bag"
    entries = list(bagz.Reader(str(sample)))
    with bagz.Writer(str(tmp_path / "action_value_data.bag")) as writer:
        for data in entries[::3] + entries[1::3] + entries[2::3]:
            writer.write(data)
    convert([sample], tmp_path / "a", DatasetOptions())
    convert([tmp_path / "action_value_data.bag"], tmp_path / "b", DatasetOptions())
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_refusals(converted, tmp_path):
    before = {path.name: path.read_bytes() for path in converted.iterdir()}
    with pytest.raises(InputError, match="new or empty directory"):
        convert([EVALUATIONS], converted, DatasetOptions())
    assert {path.name: path.read_bytes() for path in converted.iterdir()} == before
    with pytest.raises(InputError, match="found none at"):
        convert([tmp_path / "missing.jsonl"], tmp_path / "out", DatasetOptions())
    with pytest.raises(InputError, match="expected files of positions"):
        convert([], tmp_path / "out", DatasetOptions())
    with pytest.raises(InputError, match=r"one of Beam's runners: .* NoRunner"):
        convert([EVALUATIONS], tmp_path / "a", DatasetOptions(), beam_flags=["--runner=NoRunner"])
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_no_dataset_and_the_next_run_starts_over(tmp_path, monkeypatch):
    def full(path):
        raise ArgmaxError(f"cannot write {path}: no space left; free space and run again")

    with monkeypatch.context() as patched:
        patched.setattr("data_pipeline.dataset.dataset.bag_writer", full)
        with pytest.raises(ArgmaxError, match="no space left"):
            convert([EVALUATIONS], tmp_path / "out", DatasetOptions())
    assert not (tmp_path / "out").exists()
    (tmp_path / "out.unfinished" / "dataset" / "left-over").touch()
    convert([EVALUATIONS], tmp_path / "out", DatasetOptions())
    assert sum(map(len, contents(tmp_path / "out").values())) == len(LINES)
    assert not (tmp_path / "out" / "left-over").exists()
    assert not (tmp_path / "out.unfinished").exists()


def test_a_dataset_that_is_not_one(converted, tmp_path):
    with pytest.raises(InputError, match="make one with 'argmax data convert'"):
        Dataset(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(converted, copy)
    (copy / "train-00003-of-00008.bag").unlink()
    with pytest.raises(InputError, match=r"train-00003-of-00008\.bag is missing"):
        Dataset(copy).records("train")
    manifest = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(InputError, match="expected dataset format 1, found 99"):
        Dataset(copy)
    (copy / "dataset.json").write_text("[]")
    with pytest.raises(InputError, match="found something else"):
        Dataset(copy)
