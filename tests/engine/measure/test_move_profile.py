"""`argmax speed --profile`: the stages are those of a move, and what cannot be timed is refused."""

import json

import chess
import pytest

from engine.measure import move_profile
from engine.measure.move_profile import copy_rate, profile_move
from engine.measure.options import Plan
from model.config import preset
from model.network.architecture import parameter_shapes
from uci.cli import main

MANY_MOVES = "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1"  # 218


def test_the_stages_are_timed_and_end_in_the_answer(tmp_path):
    (tmp_path / "some.epd").write_text(f"{chess.STARTING_FEN}\n{MANY_MOVES}\n")
    answers = []
    plan = Plan(file=tmp_path / "some.epd", seconds=0.1)
    profile = profile_move("tiny", plan, lambda analysis, best: answers.append((analysis, best)))
    assert [stage.ms.count for stage in profile.stages] == [len(answers) - 1] * 7
    assert all(stage.ms.median >= 0 for stage in profile.stages)
    analysis, best = answers[0]
    assert len(analysis.moves) == 20 and best == analysis.best
    limits = {stage.name: stage.limit_ms for stage in profile.stages if stage.limit_ms is not None}
    assert set(limits) == {"network: the squares", "network: the moves"}
    # Every weight is read once, so a move cannot take less.
    weights = 4 * sum(map(_size, parameter_shapes(preset("tiny").network).values()))
    least = 1e3 * weights / (1e9 * profile.copy_gb_per_second)
    assert limits["network: the squares"] + limits["network: the moves"] >= 0.99 * least


def _size(shape: tuple[int, ...]) -> int:
    return shape[0] * _size(shape[1:]) if shape else 1


def test_the_command(capsys, monkeypatch):
    monkeypatch.setattr(move_profile, "matmul_rates", lambda: [1e11])
    arguments = ["speed", "tiny", "--profile", "--positions", "3", "--seconds", "0.1"]
    assert main([*arguments, "--json"]) == 0
    (profile,) = json.loads(capsys.readouterr().out)["profiles"]
    assert profile["network"] == "tiny" and profile["product_gflop_per_second"] == 100
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert all(stage["name"] in text for stage in profile["stages"])
    assert "a whole move" in text


def test_only_networks_that_share_the_board_have_these_stages(capsys):
    assert main(["speed", "sequence-tiny", "--profile"]) == 2
    assert "architecture 'board'" in capsys.readouterr().err


def test_copies_have_a_rate():
    assert copy_rate(2) > 1e8


@pytest.fixture(autouse=True)
def few_products(monkeypatch):
    monkeypatch.setattr(move_profile, "matmul_rates", lambda: [1e11, 2e10])
