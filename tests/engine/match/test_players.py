"""Networks that play many games at once: what shares a pass, and who gets its answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import chess
import pytest

from engine.match.players import Batcher
from engine.play.engine import SearchlessEngine
from model.inference.predictor import MOVE_SHAPES, Predictor
from model.network.network_file import random_network
from tests.helpers.fakes import FakePredictor

GAMES = 12


class Counting(FakePredictor):
    """Notes the sizes of its passes, which last 20 ms, and how many run at once."""

    running = 0

    def __init__(self) -> None:
        super().__init__()
        self.sizes, self.most = [], 0

    def action_values(self, boards, moves):
        self.sizes.append(len(boards))
        Counting.running += 1
        self.most = max(self.most, Counting.running)
        time.sleep(0.02)
        Counting.running -= 1
        return super().action_values(boards, moves)


def boards_of_games() -> list[chess.Board]:
    """A different position for each game."""
    board, found = chess.Board(), []
    for move in list(board.legal_moves)[:GAMES]:
        board.push(move)
        found.append(board.copy())
        board.pop()
    return found


def test_games_share_passes_and_each_gets_its_own_answer():
    predictors = Counting(), Counting()
    boards = boards_of_games()
    with ThreadPoolExecutor(2 * GAMES) as pool:
        batchers = [Batcher(SearchlessEngine(predictor), GAMES) for predictor in predictors]
        with batchers[0], batchers[1]:
            for _ in range(3):
                answers = [pool.submit(b.analyse, x) for b in batchers for x in boards]
                for answer, board in zip(answers, 2 * boards, strict=True):
                    assert answer.result(5).board == board
    for predictor in predictors:
        assert sum(predictor.sizes) == 3 * GAMES
        assert len(predictor.sizes) <= 9  # 36 if each had its own
        assert predictor.most == 1  # the other network waits


def test_one_game_is_not_delayed(monkeypatch):
    monkeypatch.setattr("engine.match.players.PAUSE_S", 60)
    with Batcher(SearchlessEngine(FakePredictor())) as batcher:
        began = time.perf_counter()
        batcher.analyse(chess.Board())
        assert time.perf_counter() - began < 10


def test_a_batch_that_cannot_be_completed_is_played():
    predictor = Counting()
    with Batcher(SearchlessEngine(predictor), largest=9) as batcher:
        batcher.analyse(chess.Board())
    assert predictor.sizes == [1]


def test_an_error_reaches_all_who_wait_and_no_other():
    over = chess.Board("7k/5QK1/8/8/8/8/8/8 b - - 0 1")
    assert not any(over.legal_moves)
    together = threading.Barrier(2)

    def ask(board):
        together.wait()
        return batcher.analyse(board)

    with Batcher(SearchlessEngine(Counting()), 2) as batcher, ThreadPoolExecutor(2) as pool:
        for answer in [pool.submit(ask, board) for board in (over, over)]:
            with pytest.raises(ValueError, match="legal move"):
                answer.result(5)
        assert batcher.analyse(chess.Board()).moves


@pytest.mark.parametrize("name", ["tiny", "sequence-tiny"])
def test_warming_up_for_many_games_compiles_their_passes(name, monkeypatch):
    predictor = Predictor(random_network(name))
    shapes = set()

    def noted(inputs):
        shapes.add(tuple(array.shape for array in inputs))
        return run(inputs)

    run = predictor._run
    monkeypatch.setattr(predictor, "_run", noted)
    predictor.warm_up(GAMES)
    warm = set(shapes)
    for count in range(1, GAMES + 1):
        boards = boards_of_games()[:count]
        predictor.action_values(boards, [list(board.legal_moves) for board in boards])
    assert shapes == warm
    if name == "tiny":
        assert len(warm) == len(MOVE_SHAPES) + 4  # 2, 4, 8 and 16 positions
