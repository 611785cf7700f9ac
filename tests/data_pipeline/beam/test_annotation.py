"""Annotation and self-play through the whole pipeline, with a real Stockfish and a faulty one."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import chess
import numpy as np
import pytest

from data_pipeline.beam import engine_work
from data_pipeline.beam.engine_work import Annotation, SelfPlay
from data_pipeline.beam.options import DatasetOptions
from data_pipeline.beam.pieces import Buckets, write_piece
from data_pipeline.beam.pipeline import convert, play
from data_pipeline.beam.staging import staging
from data_pipeline.beam.transforms import DoWork, Run
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import SPLITS, Dataset, position_hash
from data_pipeline.sources.entries import parse_fen, unscored
from data_pipeline.teachers.options import EngineConfig, GameOptions, Limit, parse_stage
from data_pipeline.teachers.selfplay import Game
from data_pipeline.teachers.stockfish import Stockfish
from tests.helpers.faulty_engine import ONE_MOVE, faulty
from tests.helpers.paths import FIXTURES, ROOT
from uci.cli import main

OPENINGS = FIXTURES / "openings.epd"
FENS = OPENINGS.read_text().splitlines()
ONE = DatasetOptions(shards=1, validation_share=0.0, test_share=0.0)
THREADS = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]


def everything(directory: Path) -> dict[str, list[bytes]]:
    dataset = Dataset(directory)
    return {split: sorted(dataset.records(split)) for split in SPLITS}


def test_the_same_scores_whatever_the_sharding(stockfish_path, tmp_path):
    work = Annotation(EngineConfig(stockfish_path, Limit(depth=2)))
    manifest = convert([OPENINGS], tmp_path / "a", DatasetOptions(), annotation=work)
    assert manifest["read"] == manifest["annotated"] == sum(manifest["counts"].values()) == 40
    options = DatasetOptions(shards=3)
    convert([OPENINGS], tmp_path / "b", options, annotation=work, beam_flags=THREADS)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    for data in itertools.chain(*everything(tmp_path / "a").values()):
        record = records.decode(data)
        assert record.complete and record.clocks and record.depth == 2
        assert len(record.actions) == record.board.legal_moves.count()


def test_deepening_a_dataset_gives_what_annotating_in_stages_gives(stockfish_path, tmp_path):
    shallow = EngineConfig(stockfish_path, Limit(depth=2))
    staged = replace(shallow, then=(parse_stage("depth=6,moves=3"),))
    options = DatasetOptions(shards=2, test_share=0.3, validation_share=0.2)
    convert([OPENINGS], tmp_path / "shallow", options, annotation=Annotation(shallow))
    convert([OPENINGS], tmp_path / "staged", options, annotation=Annotation(staged))
    convert(
        [tmp_path / "shallow"],
        tmp_path / "deepened",
        replace(options, test_share=0.0, validation_share=0.0),  # the splits stay as they are
        annotation=Annotation(staged, keep_scores=True),
        keep_splits=True,
    )
    shallow_rows, deepened = everything(tmp_path / "shallow"), everything(tmp_path / "deepened")
    at_once = everything(tmp_path / "staged")
    for split in SPLITS:
        assert len(deepened[split]) == len(at_once[split]) == len(shallow_rows[split]) > 0
    before = {record.board.fen(): record for record in decoded(shallow_rows)}
    for record in (*decoded(deepened), *decoded(at_once)):
        few = len(record.actions) <= 3
        assert record.complete and record.depth == 6
        assert few or (record.shallow_depth == 2 and record.deep_moves >= 3)
        old_best = before[record.board.fen()].actions[0]
        assert old_best in record.actions
    changed = [r for r in decoded(deepened) if r.actions[0] != before[r.board.fen()].actions[0]]
    assert changed


def decoded(rows: dict[str, list[bytes]]) -> list[records.PositionRecord]:
    return [records.decode(data) for of_split in rows.values() for data in of_split]


def test_a_dataset_that_does_not_say_how_deep_to_go_is_refused(tmp_path, capsys):
    assert main(["data", "deepen", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "--then depth=10,moves=3" in capsys.readouterr().err
    deepen = ["data", "deepen", str(OPENINGS), "--out", str(tmp_path / "out"), "--then"]
    for wrong in ("10", "depth=ten", "depth=10,moves=0", "depth=1,nodes=2", "depth=1,depth=2"):
        assert main([*deepen, wrong]) == 2, wrong


def test_positions_are_scored_once_and_finished_games_not_at_all(stockfish_path, tmp_path):
    file = tmp_path / "positions.fen"
    mated = "R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1"
    file.write_text("\n".join([FENS[0], mated, FENS[0], FENS[1]]))
    work = Annotation(EngineConfig(stockfish_path, Limit(depth=1)))
    manifest = convert([file], tmp_path / "out", ONE, annotation=work)
    assert manifest["annotated"] == 2
    assert manifest["dropped"] == {"duplicate": 1, "game over": 1}


def test_failures_go_to_the_side_and_the_rest_is_kept(tmp_path):
    file = tmp_path / "positions.fen"
    file.write_text(f"{ONE_MOVE}\n7k/8/5K2/8/8/8/8/6R1 b - - 0 40\n")
    engine = faulty(tmp_path, "crash", faults=2)
    manifest = convert([file], tmp_path / "out", ONE, annotation=Annotation(engine))
    assert manifest["read"] == 2
    assert manifest["engine_restarts"] >= 2
    reasons = {"engine ended before it said 'bestmove'", "engine scored 1 of 1 legal moves"}
    (rejected,) = (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["reason"] in reasons
    assert manifest["annotated"] + sum(manifest["dropped"].values()) == 2


def test_a_failure_that_a_second_try_mends_is_not_reported(tmp_path):
    (tmp_path / "positions.fen").write_text(f"{ONE_MOVE}\n")
    work = Annotation(faulty(tmp_path, "crash", faults=2))
    flags = ["--direct_runner_bundle_repeat=1"]
    manifest = convert(
        [tmp_path / "positions.fen"], tmp_path / "out", ONE, annotation=work, beam_flags=flags
    )
    assert (manifest["annotated"], manifest["dropped"]) == (1, {})
    assert (tmp_path / "out" / "rejected.jsonl").read_text() == ""


def test_a_killed_run_goes_on_from_the_blocks_that_were_done(stockfish_path, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = f"data selfplay {OPENINGS} --games 32 --max-plies 5 --depth 1 --workers 1 --json"
    arguments = [*arguments.split(), "--engine", stockfish_path, "--out", str(out)]
    program = "import sys; from uci.cli import main; sys.exit(main())"
    run = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        start_new_session=True,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    blocks = tmp_path / "out.unfinished" / "blocks"
    while run.poll() is None and not list(blocks.glob("[!.]*.bag")):
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert list(blocks.glob("[!.]*.bag")) and not out.exists()
    assert main(arguments) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    assert sum(written.values()) == sum(map(len, everything(out).values())) > 100
    assert not (tmp_path / "out.unfinished").exists()


def test_finished_blocks_are_not_done_again(tmp_path):
    file = tmp_path / "positions.fen"
    file.write_text(ONE_MOVE)
    work = Annotation(faulty(tmp_path, "crash", faults=0))
    (tmp_path / "keep").mkdir()
    convert([file], tmp_path / "a", ONE, annotation=work)
    assert (tmp_path / "log").read_text() == "go\n"
    from data_pipeline.beam.engine_work import Worker

    block = [(b"8 bytes.", next(iter(Dataset(tmp_path / "a").records("train"))), "test")]
    results = [Worker(work, tmp_path / "keep").do(block) for _ in range(2)]
    assert results[0] == results[1]
    assert (tmp_path / "log").read_text() == "go\ngo\n"
    other = Annotation(replace(work.engine, limit=Limit(depth=4)))
    Worker(other, tmp_path / "keep").do(block)
    assert (tmp_path / "log").read_text() == "go\ngo\ngo\n"


def test_one_engine_for_all_bundles_of_a_process(tmp_path, monkeypatch):
    """Some runners set a step up and tear it down for every few elements."""
    started = []

    def start(config):
        started.append(Stockfish(config))
        return started[-1]

    monkeypatch.setattr(engine_work, "Stockfish", start)
    work = Annotation(faulty(tmp_path, "crash", faults=0))
    position = parse_fen(ONE_MOVE)[0]
    with staging(tmp_path / "out") as place:
        for number in range(3):
            step = DoWork(Run(place, ONE, Buckets(1)), work, read=False)
            step.setup()
            record = records.encode(unscored(position, clocks=False, played=number))
            block = write_piece(tmp_path / f"{number}.bag", [(position_hash(position), record, "")])
            ((_, piece),) = step.process((0, [block]))
            assert len(piece) == 1
            step.teardown()
        (engine,) = started
        engine_work.idle_workers.close()
        assert engine._process.poll() is not None


GAMES = GameOptions(seed=3, max_plies=10)


def test_games_are_repeatable_whatever_the_workers(stockfish_path, tmp_path):
    work = SelfPlay(EngineConfig(stockfish_path, Limit(depth=1)), GAMES)
    manifest = play(FENS[:12], tmp_path / "a", DatasetOptions(), work)
    assert 60 < manifest["annotated"] <= 120
    play(FENS[:12], tmp_path / "b", DatasetOptions(shards=2), work, THREADS)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    other = SelfPlay(work.engine, replace(GAMES, seed=4))
    play(FENS[:12], tmp_path / "c", DatasetOptions(), other)
    assert everything(tmp_path / "a") != everything(tmp_path / "c")
    start = {position_hash(chess.Board(FENS[0]))}
    left = play(FENS[:12], tmp_path / "d", DatasetOptions(), work, left_out=start)
    assert left["dropped"]["left out"] == 1
    assert sum(left["counts"].values()) == sum(manifest["counts"].values()) - 1


def first_move(boards):
    """A player who always wants the first legal move."""
    return [np.eye(board.legal_moves.count())[0] for board in boards]


def make_first_move():
    return first_move


def test_a_player_of_ones_own_chooses_the_moves(stockfish_path, tmp_path):
    games = GameOptions(max_plies=6, random_moves=0.0, highest_temperature=0.01)
    work = SelfPlay(EngineConfig(stockfish_path, Limit(depth=1)), games, make_first_move, "first")
    play(FENS[:1], tmp_path / "out", ONE, work)
    board, expected = chess.Board(FENS[0]), set()
    for _ in range(6):
        expected.add(board.epd())
        board.push(next(iter(board.legal_moves)))
    found = {records.decode(data).board.epd() for data in everything(tmp_path / "out")["train"]}
    assert found == expected


def test_temperatures_and_random_moves():
    options = GameOptions(lowest_temperature=0.01, highest_temperature=0.1, random_moves=0.5)
    games = [Game(number, chess.Board(), options) for number in range(300)]
    temperatures = np.array([game.temperature for game in games])
    assert 0.01 <= temperatures.min() < 0.012 and 0.09 < temperatures.max() <= 0.1
    assert np.log(temperatures).mean() == pytest.approx(np.log(0.0316), abs=0.1)
    values = np.eye(20)[5]
    for game in games:
        game.play(list(game.board.legal_moves), values)
    best = sum(game.board.peek() == list(chess.Board().legal_moves)[5] for game in games)
    assert best / len(games) == pytest.approx(0.525, abs=0.1)
