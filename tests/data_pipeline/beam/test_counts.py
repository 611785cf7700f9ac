"""Every position is in exactly one count, whatever makes the dataset and in whatever format."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bagz
import pytest

from data_pipeline.beam.engine_work import Annotation, SelfPlay
from data_pipeline.beam.options import DatasetOptions, Format
from data_pipeline.beam.pipeline import convert, play
from data_pipeline.common.files import numbered_lines
from data_pipeline.dataset.dataset import SPLITS
from data_pipeline.teachers.options import EngineConfig, GameOptions, Limit, parse_stage
from tests.helpers.bad_lines import BAD_LINES
from tests.helpers.faulty_engine import ONE_MOVE, faulty
from tests.helpers.paths import FIXTURES

EVALUATIONS = [line for _, line in numbered_lines(FIXTURES / "evaluations.jsonl.zst")]
FENS = (FIXTURES / "openings.epd").read_text().splitlines()
MATED = "R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1"
OPTIONS = DatasetOptions(shards=3, bins=4, balance=1.0, validation_share=0.2, test_share=0.2)
THREADS = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]


def check(manifest: dict[str, Any]) -> None:
    written, dropped = sum(manifest["counts"].values()), sum(manifest["dropped"].values())
    assert manifest["read"] + manifest["rejected"] == written + dropped
    assert written > 0
    if manifest["format"] != "behavioral_cloning":  # which keeps positions without a value
        assert sum(manifest["value_bins"]) == written


def with_bad_entries(path: Path) -> Path:
    path.write_text("\n".join([*FENS[:12], MATED, "no position", *FENS[:3], "8/8/8/8 w - -"]))
    return path


def test_annotated_positions(stockfish_path, tmp_path):
    file = with_bad_entries(tmp_path / "positions.fen")
    work = Annotation(EngineConfig(stockfish_path, Limit(depth=1)))
    options = replace(OPTIONS, sample=0.9, max_positions=10)
    manifest = convert([file], tmp_path / "out", options, annotation=work)
    reasons = {"game over", "illegal FEN", "duplicate", "to balance", "beyond max-positions"}
    assert reasons <= set(manifest["dropped"])
    check(manifest)


def test_positions_that_the_engine_fails_on(tmp_path):
    file = tmp_path / "positions.fen"
    file.write_text(f"{ONE_MOVE}\n7k/8/5K2/8/8/8/8/6R1 b - - 0 40\nno position\n")
    work = Annotation(faulty(tmp_path, "crash", faults=2))
    manifest = convert([file], tmp_path / "out", replace(OPTIONS, shards=1), annotation=work)
    assert any(reason.startswith("engine") for reason in manifest["dropped"])
    check(manifest)


def test_deepened_positions(stockfish_path, tmp_path):
    engine = EngineConfig(stockfish_path, Limit(depth=1), then=(parse_stage("depth=2,moves=2"),))
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join([*EVALUATIONS[:8], *BAD_LINES]))
    files = [tmp_path / "bad.jsonl", with_bad_entries(tmp_path / "positions.fen")]
    work = Annotation(engine, keep_scores=True)
    check(convert(files, tmp_path / "out", OPTIONS, annotation=work, keep_splits=True))


@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_games_of_self_play_that_share_positions(stockfish_path, tmp_path, temperature):
    """Also games that are the same from the first move to the last."""
    games = GameOptions(
        max_plies=4, random_moves=0, lowest_temperature=0.01, highest_temperature=temperature
    )
    work = SelfPlay(EngineConfig(stockfish_path, Limit(depth=1)), games)
    openings = [FENS[0]] * 16 + FENS[:8] * 2
    one = play(openings, tmp_path / "one", OPTIONS, work)
    two = play(openings, tmp_path / "two", OPTIONS, work, THREADS)
    assert one == two
    assert one["read"] == one["annotated"] == 4 * 32
    assert {"duplicate", "to balance"} <= set(one["dropped"])
    check(one)


@pytest.mark.parametrize("policy", ["action_value", "state_value", "behavioral_cloning"])
def test_chessbench_formats(tmp_path, policy: Format):
    """Positions that have nothing of the policy are dropped; entries are counted by themselves."""
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join([*EVALUATIONS[:40], *BAD_LINES]))
    games = tmp_path / "games.pgn"
    games.write_text("1. e4 { [%eval 0.3] } e5 { [%eval 0.2] } 2. Nf3 *\n\n1. d4 Nf6 *\n")
    files = [tmp_path / "bad.jsonl", games, with_bad_entries(tmp_path / "positions.fen")]
    options = replace(OPTIONS, format=policy, keep_unscored=True, balance=None)
    manifest = convert(files, tmp_path / "out", options)
    check(manifest)
    assert manifest["dropped"][f"nothing for {policy}"] >= 9
    for split in SPLITS:
        bag = bagz.Reader(str(tmp_path / "out" / split / f"{policy}@3_data.bag"))
        assert len(bag) == manifest["entries"][split]
    name = f"{policy}-sample.bag"
    check(convert([FIXTURES / "reference" / name], tmp_path / "bag", options))
