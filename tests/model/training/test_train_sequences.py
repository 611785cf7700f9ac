"""Training the architecture `sequence`: its pairs, the reference's recipe, resuming, the clock."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import chess
import numpy as np
import pytest

from data_pipeline.batches.loader import training_sequences
from data_pipeline.batches.sequence_batches import tokens_of
from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import Dataset
from data_pipeline.encoding.actions import move_of
from model.config import RECIPES, LossConfig, SequenceConfig, TrainConfig, preset
from model.inference.predictor import Predictor
from model.network.network_file import load_network
from model.training.loop import train
from tests.helpers.random_chess import random_boards, random_record, write_dataset

TINY = SequenceConfig(width=16, layers=2, heads=4, bins=64)
REFERENCE = RECIPES["reference"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    write_dataset(directory)
    return directory


def config(steps: int, **changes) -> TrainConfig:
    fields: dict[str, Any] = {"batch_size": 16, "log_every": 1, "evaluation_positions": 4}
    recipe = {"loss": REFERENCE.loss, "optimizer": REFERENCE.optimizer}
    return TrainConfig(TINY, steps=steps, **(fields | recipe | changes))


def metrics(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_pass_gives_every_pair_once_with_its_win_probability():
    rng = np.random.default_rng(0)
    boards = [board for board in random_boards(seed=2, games=1) if any(board.legal_moves)][:12]
    rows = [random_record(board, rng, clocks=True) for board in boards]
    expected = {
        (tokens_of(row.board).tobytes(), action): win_prob
        for row in rows
        for action, win_prob in zip(row.actions.tolist(), row.win_probs, strict=True)
    }
    batches = training_sequences([records.encode(row) for row in rows], len(expected), seed=3)
    first, second = next(batches), next(batches)
    found = {
        (tokens.tobytes(), action): win_prob
        for tokens, (action,), (win_prob,) in zip(*first.inputs, first.targets, strict=True)
    }
    assert found == pytest.approx(expected, abs=1e-6)
    assert len(first.targets) == len(expected)
    assert (first.inputs.actions != second.inputs.actions).any()  # each pass has its own order


def test_resumed_is_the_same_as_never_stopped(data, tmp_path):
    whole = train(config(6), Dataset(data), tmp_path / "whole", resume=False)
    train(config(4), Dataset(data), tmp_path / "run", resume=False)
    resumed = train(config(6), Dataset(data), tmp_path / "run", resume=True)
    for module, arrays in whole.params.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(resumed.params[module][name], array)
    assert resumed.training["action_values_seen"] == whole.training["action_values_seen"] == 96


def test_it_learns_a_handful_of_positions(data, tmp_path):
    """By heart: the loss of one-hot labels has no floor but 0."""
    rng = np.random.default_rng(0)
    rows = [random_record(board, rng) for board in random_boards(seed=1, games=0)[:2]]
    encoded = [records.encode(row) for row in rows]

    class Few(Dataset):
        def size(self, split: str) -> int:
            return 99

        def records(self, split: str):
            return encoded

    optimizer = replace(REFERENCE.optimizer, adam_learning_rate=6e-3, ema_decay=0.9)
    few = config(100, batch_size=32, optimizer=optimizer, evaluate_every=1000, log_every=5)
    network = train(few, Few(data), tmp_path / "run", resume=False)
    losses = [line["loss"] for line in metrics(tmp_path / "run") if line["kind"] == "train"]
    assert losses[-1] < 0.3 < 2 < losses[0]
    for row in rows:
        moves = [move_of(action) for action in row.actions.tolist()]
        (values,) = Predictor(network).action_values([row.board], [moves])
        assert np.abs(network.bins.win_prob(values) - row.win_probs).max() < 0.1


def test_the_reference_recipe_from_the_command_line(data, tmp_path):
    out = tmp_path / "run"
    options = ["--preset", "sequence-tiny", "--recipe", "reference", "--batch-size", "8"]
    options += ["--minutes", "0.02", "--evaluation-positions", "2", "--log-every", "1"]
    program = "import sys; from uci.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "train", "--data", data, "--out", out, *options]
    subprocess.run(command, check=True, capture_output=True)
    network = load_network(out / "network.safetensors")
    record = network.training
    assert record["schedule"] == [[0, "0.02 minutes"]]
    assert record["config"]["loss"]["labels"] == "one-hot"
    assert record["config"]["optimizer"]["adam_learning_rate"] == 1e-4
    assert record["action_values_seen"] == 8 * record["steps"] > 0
    lines = metrics(out)
    assert lines[0]["action_values_per_second"] == lines[0]["positions_per_second"] > 0
    assert [line["seconds"] for line in lines if line["kind"] == "train"][-1] >= 1.2


def test_training_by_the_clock_goes_on_where_it_stopped(data, tmp_path):
    short = replace(config(1), steps=None, minutes=0.01)
    first = train(short, Dataset(data), tmp_path / "run", resume=False)
    longer = replace(short, minutes=0.05)
    second = train(longer, Dataset(data), tmp_path / "run", resume=True)
    assert second.training["steps"] > first.training["steps"]
    assert second.training["schedule"] == [
        [0, "0.01 minutes"],
        [first.training["steps"], "0.05 minutes"],
    ]


def test_steps_or_minutes_but_not_both():
    for steps, minutes in ((None, None), (5, 1.0)):
        with pytest.raises(InputError, match="either steps or minutes"):
            TrainConfig(TINY, steps=steps, minutes=minutes)


def test_single_moves_have_no_order():
    for ranking, regret in ((1.0, 0.0), (0.0, 1.0)):
        with pytest.raises(InputError, match="no terms of ranking"):
            TrainConfig(
                TINY, steps=1, loss=LossConfig(ranking_weight=ranking, regret_weight=regret)
            )


def test_mixed_is_of_the_architecture_board():
    with pytest.raises(InputError, match="found mixed"):
        TrainConfig(TINY, steps=1, loss=LossConfig().of_single_moves(), compute_dtype="mixed")


def test_a_network_that_learned_without_clocks_is_shown_none():
    boards = [chess.Board(), chess.Board(chess.STARTING_FEN[:-3] + "40 60")]
    assert (tokens_of(boards[0]) == tokens_of(boards[1], clocks=False)).all()
    assert (tokens_of(boards[0]) != tokens_of(boards[1])).any()


def test_the_preset_is_as_large_as_that_of_the_board():
    from model.network.architecture import parameter_shapes

    small, sequences = (
        sum(int(np.prod(shape)) for shape in parameter_shapes(preset(name).network).values())
        for name in ("small", "sequence-small")
    )
    assert sequences == pytest.approx(small, rel=0.03)
