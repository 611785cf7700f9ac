"""Networks that predict state values, action values or moves: learning, playing, files, bags."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any, get_args

import bagz
import chess
import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from data_pipeline.batches import loader
from data_pipeline.batches.batch import BatchOptions
from data_pipeline.batches.board_batches import make_batch, make_inputs
from data_pipeline.batches.chessbench_bags import Bag
from data_pipeline.batches.position_batches import make_choice_batch, make_state_batch
from data_pipeline.batches.sequence_batches import make_sequence_batch
from data_pipeline.common.errors import InputError
from data_pipeline.dataset import records
from data_pipeline.dataset.dataset import Dataset
from data_pipeline.dataset.records import choice, state_score
from data_pipeline.encoding.actions import CHESS_MOVES, MOVES
from data_pipeline.encoding.values import win_probability
from engine.play.engine import SearchlessEngine
from engine.play.rules import CHECKMATE
from model.config import RECIPES, BoardConfig, OptimizerConfig, SequenceConfig, Target, TrainConfig
from model.evaluation.evaluate import measure, summary
from model.inference.predictor import Predictor, distributions
from model.network.architecture import ARCHITECTURES as ALL_ARCHITECTURES
from model.network.architecture import init_params, inputs_of
from model.network.network_file import (
    METADATA_KEY,
    Network,
    load_network,
    read_metadata,
    save_network,
)
from model.network.searchless_chess import export_reference, import_reference
from model.targets import TARGETS
from model.targets.target import BatchSource
from model.training.loop import train
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.step import init_state, make_update
from tests.helpers.paths import REFERENCE
from tests.helpers.random_chess import random_boards, random_record, write_dataset
from uci.cli import main
from uci.protocol.options import Options
from uci.protocol.think import report

BOARD = BoardConfig(width=32, layers=1, heads=2, output_hidden_width=64, bins=32)
SEQUENCE = SequenceConfig(width=32, layers=1, heads=2, bins=32)
ARCHITECTURES = [BOARD, SEQUENCE]


def names(config) -> str:
    return config if isinstance(config, str) else config.architecture


def of_target(config, target: str) -> Any:
    return dataclasses.replace(config, target=target)


def untrained(config, target: str) -> Predictor:
    config = of_target(config, target)
    return Predictor(Network(config, init_params(config, 1)))


@pytest.fixture(scope="module")
def few() -> list[records.PositionRecord]:
    """Four positions with few moves, of which the third in order is the one played."""
    rng = np.random.default_rng(0)
    boards = [b for b in random_boards(seed=4, games=3) if 6 < b.legal_moves.count() < 17][:4]
    assert len(boards) == 4
    rows = [random_record(board, rng) for board in boards]
    return [dataclasses.replace(row, played=int(row.actions[2])) for row in rows]


def batch_of(rows: list[records.PositionRecord], config) -> Any:
    """Everything that the rows say about the target."""
    if config.target == "state-value":
        return make_state_batch(rows, inputs_of(config))
    if config.target == "behavioral-cloning":
        return make_choice_batch(rows, inputs_of(config), 24)
    if config.architecture == "board":
        return make_batch([records.encode(row) for row in rows], 24)
    pairs = [(row, number) for row in rows for number in range(len(row.actions))]
    return make_sequence_batch(*zip(*pairs, strict=True))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=names)
def test_a_handful_of_positions_is_learned_by_heart(few, architecture, target):
    config = of_target(architecture, target)
    loss = RECIPES["argmax"].loss.of_single_moves()
    adam = OptimizerConfig(kind="adam", schedule="constant", adam_learning_rate=3e-3)
    optimizer = partial(make_optimizer, adam, 1)
    state = init_state(init_params(config, 0), optimizer)
    update = jax.jit(make_update(network_loss(config, loss), optimizer))
    batch = batch_of(few, config)
    for step in range(120):
        state, _ = update(state, batch, np.array(step))
    predictor = Predictor(Network(config, jax.tree.map(np.asarray, state.params)))
    if target == "state-value":
        found = distributions(config, "float32", predictor.network.params, batch.inputs)
        expected = win_probability([int(row.scores[0]) for row in few])
        assert np.abs(predictor.bins.win_prob(found) - expected).max() < 0.1
        return
    for row in few:
        moves = [CHESS_MOVES[action] for action in row.actions.tolist()]
        (values,) = predictor.action_values([row.board], [moves])
        if target == "behavioral-cloning":
            assert row.actions[values[:, 1].argmax()] == row.played
            assert values[:, 1].max() > 0.8
        else:
            assert np.abs(predictor.bins.win_prob(values) - row.win_probs).mean() < 0.1


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=names)
def test_a_move_is_worth_what_the_position_after_it_is_not_to_the_opponent(few, architecture):
    predictor = untrained(architecture, "state-value")
    network, board = predictor.network, few[0].board
    moves = list(board.legal_moves)
    (values,) = predictor.action_values([board], [moves])
    after = []
    for move in moves:
        board.push(move)
        after.append(dataclasses.replace(few[0], board=board.copy(), state_score=0))
        board.pop()
    inputs = batch_of(after, network.config).inputs
    of_opponent = distributions(network.config, "float32", network.params, inputs)
    np.testing.assert_allclose(values, np.asarray(of_opponent)[:, ::-1], atol=1e-5)
    flipped = 1 - predictor.bins.win_prob(of_opponent)
    np.testing.assert_allclose(predictor.bins.win_prob(values), flipped, atol=1e-5)


@pytest.mark.parametrize("target", ["state-value", "behavioral-cloning"])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=names)
def test_values_do_not_depend_on_what_else_is_asked(few, architecture, target):
    predictor = untrained(architecture, target)
    boards = [row.board for row in few]
    moves = [list(board.legal_moves) for board in boards]
    together = predictor.action_values(boards, moves)
    for board, legal, expected in zip(boards, moves, together, strict=True):
        (alone,) = predictor.action_values([board], [legal[::-1]])
        np.testing.assert_allclose(alone[::-1], expected, atol=1e-5)
        np.testing.assert_allclose(alone.sum(axis=-1), 1, atol=1e-5)
        if target == "behavioral-cloning":
            assert alone[:, 1].sum() == pytest.approx(1)
    assert predictor.action_values([boards[0]], [[]])[0].shape == (0, predictor.bins.count)


@pytest.mark.parametrize("target", ["state-value", "behavioral-cloning"])
def test_turning_the_board_over_changes_nothing(few, target):
    predictor = untrained(BOARD, target)
    board = few[1].board
    moves = list(board.legal_moves)
    mirrored = [chess.Move(m.from_square ^ 56, m.to_square ^ 56, m.promotion) for m in moves]
    one, other = predictor.action_values([board, board.mirror()], [moves, mirrored])
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=names)
def test_a_policy_plays_its_likeliest_move_or_mate(architecture):
    predictor = untrained(architecture, "behavioral-cloning")
    engine = SearchlessEngine(predictor)
    analysis = engine.analyse(chess.Board())
    (values,) = predictor.action_values([chess.Board()], [list(analysis.moves)])
    np.testing.assert_allclose(analysis.win_probs, values[:, 1], atol=1e-6)
    assert (np.diff(analysis.win_probs) <= 0).all()
    np.testing.assert_allclose(np.exp(analysis.utilities), analysis.win_probs, atol=1e-6)
    mate = engine.analyse(chess.Board("7k/5Q2/6K1/8/8/8/8/8 w - - 0 1"))
    assert mate.verdicts[0] == CHECKMATE
    assert {v for v in mate.verdicts if v is not None} == {CHECKMATE}  # a stalemate is none


def test_a_policy_is_shown_without_scores():
    analysis = SearchlessEngine(untrained(BOARD, "behavioral-cloning")).analyse(chess.Board())
    lines = list(report(analysis, analysis.best, None, Options(show_wdl=True), 1))
    assert not any("score" in line or "wdl" in line for line in lines)
    assert f"{analysis.best.uci()} is played with probability" in lines[-1]


def test_what_a_policy_cannot_do_is_said_in_a_line(tmp_path, capsys):
    path = tmp_path / "x.safetensors"
    save_network(untrained(BOARD, "behavioral-cloning").network, path)
    for command in (["analyse", "startpos"], ["play"]):
        assert main([*command, "--network", str(path)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "behavioral-cloning" in error


def test_figures_of_a_policy_are_those_of_its_order(few):
    encoded = [records.encode(row) for row in few]
    figures = summary(*measure(encoded, untrained(BOARD, "behavioral-cloning")))
    assert figures["agreement"] is not None and figures["kendall_tau_b"] is not None
    for name in ("log_loss", "squared_error", "crps", "calibration_error"):
        assert figures[name] is None
    json.dumps(figures, allow_nan=False)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=names)
def test_a_file_gives_the_network_back(architecture, target, tmp_path, capsys):
    network = untrained(architecture, target).network
    path = tmp_path / "x.safetensors"
    save_network(network, path)
    loaded = load_network(path)
    assert loaded.config == network.config
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded.params, network.params))
    assert main(["network", "info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["target"] == target


def test_a_file_that_names_no_target_predicts_action_values(tmp_path):
    path = tmp_path / "x.safetensors"
    save_network(untrained(BOARD, "action-value").network, path)
    metadata = read_metadata(path)
    del metadata["config"]["target"], metadata["checksum"]  # as in old files
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(metadata)})
    assert load_network(path).config == BOARD


def test_the_importer_learns_behavioral_cloning_from_the_shapes(tmp_path):
    for target in ("behavioral-cloning", "state-value"):
        network = untrained(SEQUENCE, target).network
        export_reference(network, tmp_path / target)
        asked = of_target(SEQUENCE, "state-value" if target == "state-value" else "action-value")
        read = import_reference(tmp_path / target, asked)
        assert read.config == network.config
        assert jax.tree.all(jax.tree.map(np.array_equal, read.params, network.params))


def test_there_is_a_row_for_every_target_and_every_architecture():
    assert tuple(TARGETS) == get_args(Target)
    for row in TARGETS.values():
        assert row.batches.keys() == ALL_ARCHITECTURES.keys()


def test_targets_are_checked():
    with pytest.raises(InputError, match="expected a target"):
        BoardConfig(target="draw-odds")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="no terms of ranking"):
        TrainConfig(of_target(BOARD, "state-value"), steps=1)
    for architecture, target in ((BOARD, "state-value"), (SEQUENCE, "action-value")):
        plain = TrainConfig(
            of_target(architecture, target), steps=1, loss=RECIPES["reference"].loss
        )
        for option, value in (("mirrored", True), ("focus", 0.1)):
            with pytest.raises(InputError, match=f"expected --{option} with"):
                dataclasses.replace(plain, **{option: value})
    with pytest.raises(InputError, match="expected focus of 0 to 1"):
        TrainConfig(of_target(BOARD, "action-value"), steps=1, focus=2.0)


# Bags and datasets


def config_for(architecture, target: str, steps: int) -> TrainConfig:
    recipe = RECIPES["reference"]
    return TrainConfig(
        of_target(architecture, target),
        steps=steps,
        batch_size=16,
        loss=recipe.loss,
        optimizer=recipe.optimizer,
        log_every=1,
        evaluation_positions=4,
    )


def sample(policy: str) -> Bag:
    return Bag(REFERENCE / f"{policy}-sample.bag")


def taught(batch) -> set:
    """What a batch of sequences says, as a set."""
    boards = [board.tobytes() for board in batch.inputs.boards]
    actions = [MOVES[row[0]] if len(row) else None for row in batch.inputs.actions]
    win_probs = getattr(batch, "targets", np.zeros(len(boards))).ravel().round(5)
    return set(zip(boards, actions, win_probs.tolist(), strict=True))


def batches_of(config, data, batch_size: int):
    batches = TARGETS[config.target].batches[config.architecture]
    return batches(BatchSource(data, inputs_of(config), batch_size, 0, BatchOptions(64)))


@pytest.mark.parametrize("target", TARGETS)
def test_a_bag_teaches_what_its_records_say(target, monkeypatch):
    bag = sample(target.replace("-", "_"))
    config = of_target(SEQUENCE, target)
    count = bag.size("train")
    whole = taught(next(batches_of(config, bag, count)))
    assert len(whole) == count == len(bagz.Reader(str(bag.directory)))
    monkeypatch.setattr(loader, "SHUFFLED_AT_ONCE", count // 2)  # as if Grain could not shuffle it
    parted = batches_of(config, bag, count // 3)
    assert len(whole & set().union(*(taught(next(parted)) for _ in range(3)))) >= count - 5


def test_records_without_what_is_learned_are_left_out(few):
    unscored = records.make_record(chess.Board(), np.zeros(0), np.zeros(0), complete=False)
    encoded = [records.encode(row) for row in (few[0], unscored, few[1])]

    class Some(Dataset):
        def __init__(self) -> None:
            self.directory = Path("some")

        def records(self, split: str) -> list[bytes]:
            return encoded

    for target in ("state-value", "behavioral-cloning"):
        config = of_target(BOARD, target)
        batch = next(batches_of(config, Some(), 2))
        expected = make_inputs([few[0].board, few[1].board], [(), ()], 0).squares
        assert {row.tobytes() for row in batch.inputs.squares} == {r.tobytes() for r in expected}
        with pytest.raises(InputError, match="found 2 in some"):
            batches_of(config, Some(), 3)
    assert choice(unscored) is state_score(unscored) is None


@pytest.mark.parametrize(
    ("architecture", "target"),
    [(SEQUENCE, "behavioral-cloning"), (BOARD, "state-value")],
    ids=names,
)
def test_training_on_a_bag_resumes_as_if_never_stopped(architecture, target, tmp_path):
    bag = sample(target.replace("-", "_"))
    whole = train(config_for(architecture, target, 4), bag, tmp_path / "whole", resume=False)
    train(config_for(architecture, target, 2), bag, tmp_path / "run", resume=False)
    resumed = train(config_for(architecture, target, 4), bag, tmp_path / "run", resume=True)
    assert jax.tree.all(jax.tree.map(np.array_equal, whole.params, resumed.params))
    assert resumed.training["data"]["sources"][0]["file"] == bag.directory.name


def test_the_evaluation_of_a_bags_network_is_on_a_dataset(tmp_path):
    write_dataset(tmp_path)
    evaluation = Dataset(tmp_path)
    config = config_for(SEQUENCE, "action-value", 1)
    for out, given in (("with", evaluation), ("without", None)):
        place = tmp_path / out
        train(config, sample("action_value"), place, resume=False, evaluation=given)
        kinds = [json.loads(line)["kind"] for line in (place / "metrics.jsonl").open()]
        assert ("evaluation" in kinds) == (given is not None)


def test_bags_that_do_not_fit_are_refused(tmp_path):
    def refused(architecture, target: str, bag: Bag, match: str) -> None:
        with pytest.raises(InputError, match=match):
            train(config_for(architecture, target, 1), bag, tmp_path / "run", resume=False)
        assert not (tmp_path / "run").exists()

    refused(
        SEQUENCE,
        "action-value",
        sample("state_value"),
        "expected data of the target 'action-value'",
    )
    refused(BOARD, "action-value", sample("action_value"), "argmax data convert")
    (tmp_path / "state_value.bag").write_bytes(b"no bag at all")
    with pytest.raises(InputError, match="expected a bag at"):
        Bag(tmp_path / "state_value.bag")
    with pytest.raises(InputError, match="expected a bag at"):
        Bag(tmp_path / "state_value@3.bag")
    with pytest.raises(InputError, match="whose name starts with"):
        Bag(tmp_path / "values.bag")
    with pytest.raises(InputError, match="one that is wrong"):
        sample("state_value").decode(b"\x05abcde")
