"""Linear probes: what they look for, how they are fitted, and their table."""

import chess
import numpy as np
import pytest

from data_pipeline.dataset.dataset import Dataset
from engine.study import grid as study
from engine.study.grid import Cell
from engine.study.probes import (
    PROBES,
    PROBES_FILE,
    game_phase,
    king_safety,
    material_balance,
    r_squared,
    run_probes,
    untrained_cell,
)
from engine.study.run import NETWORKS, network_path
from engine.study.table import read_table
from model.config import preset
from model.network.network_file import random_network, save_network
from tests.helpers.random_chess import random_boards, write_dataset


def test_golden_quantities():
    start, kings = chess.Board(), chess.Board("8/8/4k3/8/8/4K3/8/8 w - - 0 1")
    assert [f(start) for f in PROBES.values()] == [0, 0, 1]
    assert [f(kings) for f in PROBES.values()] == [0, 0, 0]
    queen_up = chess.Board("8/8/4k3/8/8/4K3/8/Q7 b - - 0 1")
    assert material_balance(queen_up) == -9
    assert game_phase(queen_up) == pytest.approx(4 / 24)
    # The queen on a1 attacks e5, f6 and what lies behind the king on a line through neither: of
    # the king's nine squares e5 and f6.
    assert king_safety(queen_up) == -2


def test_quantities_are_the_side_to_moves():
    boards = random_boards(seed=1, games=2)
    for board in boards:
        for quantity in PROBES.values():
            assert quantity(board.mirror()) == pytest.approx(quantity(board))
    assert len({king_safety(board) for board in boards}) > 3
    turned = [board.copy() for board in boards]
    for board in turned:
        board.turn = not board.turn
    for board, other in zip(boards, turned, strict=True):
        assert material_balance(other) == -material_balance(board)
        assert king_safety(other) == -king_safety(board)


def test_r_squared():
    rng = np.random.default_rng(0)
    features, test = rng.normal(3, 2, size=(400, 5)), rng.normal(3, 2, size=(2000, 5))
    weights, noise = np.arange(5.0), rng.normal(size=400)
    values = np.stack([features @ weights, rng.normal(size=400)], axis=1)
    test_values = np.stack([test @ weights, rng.normal(size=2000)], axis=1)
    exact, nothing = r_squared(features, values, test, test_values)
    assert exact == pytest.approx(1)
    assert nothing == pytest.approx(0, abs=0.05)
    half = (features @ weights + noise * (features @ weights).std())[:, None]
    noisy = test @ weights + rng.normal(size=2000) * (test @ weights).std()
    assert r_squared(features, half, test, noisy[:, None]) == pytest.approx(0.5, abs=0.05)


def test_networks_are_probed_once_and_so_are_untrained_ones(tmp_path, monkeypatch):
    monkeypatch.setitem(study.SIZES, "tiny", preset("tiny").network)
    write_dataset(tmp_path)
    cells = [Cell(loss=loss, size="tiny") for loss in ("hl-gauss", "two-hot")]
    (tmp_path / NETWORKS).mkdir()
    for seed, cell in enumerate(cells):
        save_network(random_network("tiny", seed=seed), network_path(tmp_path, cell))
    for expected in (3, 0):
        done: list[int] = []
        run_probes(cells, Dataset(tmp_path), tmp_path, 300, done.append)
        assert len(done) == expected
    table = read_table(tmp_path / PROBES_FILE)
    assert list(table) == [*cells, untrained_cell(cells[0])]
    figures = [list(row.values()) for row in table.values()]
    assert figures[0] == figures[2] != figures[1]  # an untrained network of the same seed
    assert all(tuple(row) == tuple(PROBES) for row in table.values())
    assert max(row["game_phase"] or 0 for row in table.values()) > 0.5
