"""Learning without a teacher: games as transitions, the targets, and that values spread back."""

import chess
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.records import decode
from data_pipeline.encoding.actions import move_of
from engine.study import bootstrap, cell_training
from engine.study import games as study_games
from engine.study import grid as study
from engine.study.bootstrap import bootstrapped, follow_target, from_games
from engine.study.cell_training import train_cell
from engine.study.games import make_transitions, read_games
from engine.study.grid import Cell
from model.config import preset
from model.network.architecture import transformed
from model.network.network_file import Network
from model.targets.value_losses import LOSSES, atoms, bin_centres, cross_entropy, value_loss

MATE = '[Result "1-0"]\n\n1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6 4. Qxf7# 1-0\n\n'
DRAW = '[Result "1/2-1/2"]\n\n1. d4 d5 1/2-1/2\n\n'
UNFINISHED = '[Result "*"]\n\n1. c4 *\n\n'
BLACK_WINS = (
    '[SetUp "1"]\n[FEN "8/8/8/8/8/6k1/8/r5K1 w - - 0 1"]\n[Result "0-1"]\n\n1. Kf1 Ra1 0-1\n\n'
)


def test_finished_games_become_positions_with_the_result_of_their_side_to_move(pgn):
    games = read_games(pgn(MATE, UNFINISHED, BLACK_WINS, DRAW))  # the third has an illegal move
    assert games.last.tolist() == [6] * 7 + [8] * 2
    assert games.results.tolist() == [1, 0, 1, 0, 1, 0, 1, 0.5, 0.5]
    record = decode(games.encoded[6])
    assert [move_of(int(action)).uci() for action in record.actions] == ["h5f7"]
    assert record.board.fullmove_number == 1 or record.board.turn == chess.WHITE
    with pytest.raises(InputError, match="finished games"):
        read_games(pgn(UNFINISHED))


@pytest.mark.parametrize("plies", [1, 2])
def test_transitions_stay_within_their_game(pgn, plies):
    games = read_games(pgn(MATE, DRAW))
    numbers = range(9)
    batch = make_transitions(games, numbers, plies)
    whole = make_transitions(games, numbers, 0).now
    ended = [number + plies > games.last[number] for number in numbers]
    assert batch.ended.tolist() == ended
    assert sum(ended) == 2 * plies
    np.testing.assert_array_equal(batch.results, games.results)
    for number in numbers:
        np.testing.assert_array_equal(batch.now.squares[number], whole.squares[number])
        if not ended[number]:
            later = whole.squares[number + plies]
            np.testing.assert_array_equal(batch.later.squares[number], later)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("plies", [1, 2])
@pytest.mark.parametrize("target", ["own", "other"])
def test_targets(loss, plies, target):
    """Once over, the result; else the later value, the other side's after one ply."""
    if target == "other" and "squared-error" in loss:
        with pytest.raises(ValueError, match="classification"):
            Cell(loss=loss, target=target)
        return
    rng = np.random.default_rng(0)
    now, later = rng.normal(size=(2, 4, 16))
    ended, results = np.array([True, True, False, False]), np.array([1.0, 0.5, 1.0, 0.0])
    cell = Cell(loss=loss, plies=plies, target=target)
    found = bootstrapped(cell, now, later, ended, results)
    by_value = value_loss(loss)
    if (loss == "c51") == (target == "own"):
        distributions = jax.nn.softmax(later)
        turned = distributions[:, ::-1] if plies == 1 else distributions
        at_the_end = by_value.loss(now, results)
        expected = np.where(ended, at_the_end, cross_entropy(now, turned))
        value = turned @ (atoms(16) if loss == "c51" else bin_centres(16))
        np.testing.assert_allclose(value, abs(plies % 2 - by_value.predict(later)), atol=1e-6)
    else:
        value = by_value.predict(later)
        targets = np.where(ended, results, 1 - value if plies == 1 else value)
        expected = by_value.loss(now, np.clip(targets, 0, 1))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("loss", ["hl-gauss", "c51"])
def test_the_result_spreads_to_the_start_of_the_game(loss, pgn, tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "RENEWAL_STEPS", 5)
    monkeypatch.setitem(study.SIZES, "tiny", preset("tiny", layers=1, heads=1).network)
    games = read_games(pgn(MATE, DRAW))
    steps: list[int] = []
    cell = Cell(loss=loss, size="tiny", plies=1, steps=300, batch_size=18)
    learning = from_games(cell, games)
    network, seconds = train_cell(cell, learning, steps.append, tmp_path / "cell")
    assert seconds > 0 and steps[-1] == 300
    inputs = make_transitions(games, range(9), 0).now
    outputs = jax.jit(transformed(cell.network).apply)(network.params, inputs).moves[:, 0]
    values = value_loss(loss).predict(outputs)
    # At the start nobody knows which game it will be; from the first move on they are apart.
    np.testing.assert_allclose(values[1:7], games.results[1:7], atol=0.2)
    np.testing.assert_allclose(values[8], 0.5, atol=0.2)


def test_a_target_network_is_a_copy_or_an_average():
    """Of the same mean delay: in both, a change of the network arrives whole in the end."""
    found = {}
    for kind in ("copy", "average"):
        follow = follow_target(kind)
        target, lag = 0.0, []
        for step in range(200):
            target = float(follow(jnp.float32(target), jnp.float32(step + 1), jnp.int32(step)))
            lag.append(step + 1 - target)
        found[kind] = np.mean(lag[100:])
    assert found["copy"] == found["average"] == pytest.approx((bootstrap.RENEWAL_STEPS - 1) / 2)


def test_a_cell_that_was_stopped_goes_on_with_its_target_network(pgn, tmp_path, monkeypatch):
    monkeypatch.setattr(cell_training, "SAVE_SECONDS", 0)
    monkeypatch.setitem(study.SIZES, "tiny", preset("tiny").network)
    games = read_games(pgn(MATE, DRAW))
    cell = Cell(loss="c51", size="tiny", plies=1, steps=40, batch_size=18)

    def train(name: str, stop: int = 100) -> Network:
        def progress(step: int) -> None:
            if step == stop:
                raise KeyboardInterrupt

        return train_cell(cell, from_games(cell, games), progress, tmp_path / name)[0]

    with pytest.raises(KeyboardInterrupt):
        train("parts", stop=30)
    found, expected = train("parts"), train("whole")
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)


def test_games_are_learned_from_their_ends_backwards(pgn, monkeypatch):
    monkeypatch.setattr(study_games, "REACH", (1, 8))
    games = read_games(pgn(MATE, DRAW))
    longer = make_transitions(games, range(7), 0).now

    def distances(seed: int) -> list[list[int]]:
        """Plies from the end, of each batch's positions in the longer game."""
        found = []
        for batch in study_games.training_transitions(games, 64, 1, 60, seed):
            same = (batch.now.squares[:, None] == longer.squares).all(axis=-1)
            found.append((6 - same.argmax(axis=-1)[batch.results != 0.5]).tolist())
        return found

    found = distances(0)
    assert len(found) == 60
    assert set(found[0]) == {0}
    assert all(max(row) < 1 + 7 * (step + 1) / 60 for step, row in enumerate(found))
    assert set(found[-1]) == set(range(7))
    assert distances(0) == found != distances(1)
