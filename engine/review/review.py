"""Review of a game: the network's judgement of every move.

One pass of the network values all legal moves of a position, so the loss of a move is the
difference of two values from the same pass: the best move's and the played one's. There is no
search: deep combinations that the network does not see are misjudged, and judgements are only as
good as its play.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins
from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine
from engine.play.move_choice import quantile
from engine.review.accuracy import ROUNDING, Judgement, game_accuracy, judgement_of, move_accuracy
from engine.review.games import PlayedGame

BAND = (0.1, 0.9)
"""The quantiles that bound the uncertainty band of the curve."""
CHOICE_TEMPERATURE = 0.05
"""In win probability; moves are weighted by ``exp(win_prob / temperature)``, as in training."""
ONLY_MOVE_GAP = 0.10
"""An only move is better than all others by at least this: the others would be mistakes."""
MOST_TURNING_POINTS = 6
POSITIONS_A_BATCH = 256


@dataclass(frozen=True)
class MoveReview:
    """One move of a game. Win probabilities are those of the side that moved, unless they are named
    White's."""

    ply: int  # 1 for the first move of the game
    move: chess.Move
    san: str
    color: chess.Color
    win_prob: float
    band: tuple[float, float]  # the 10 % and 90 % quantiles of the move's distribution
    best: chess.Move
    best_san: str
    best_win_prob: float
    entropy_bits: float  # of the choice among the moves: 0 if one is far better than the others
    only_move: bool  # all other moves are much worse than the best one
    verdict: str | None  # the rules' verdict on the played move
    fen: str  # the position after the move

    @property
    def given_away(self) -> float:
        """Win probability lost: the best move's minus the played one's; never negative."""
        return max(0.0, self.best_win_prob - self.win_prob)

    @property
    def judgement(self) -> Judgement | None:
        """By Lichess's thresholds; None for the network's best move."""
        return None if self.move == self.best else judgement_of(self.given_away)

    @property
    def accuracy(self) -> float:
        """The accuracy of this move, 0 to 100."""
        return 100.0 if self.move == self.best else move_accuracy(self.given_away)

    @property
    def white_win_prob(self) -> float:
        """White's win probability after the move."""
        return self.win_prob if self.color else 1 - self.win_prob

    @property
    def white_band(self) -> tuple[float, float]:
        """White's band, low to high."""
        low, high = self.band
        return (low, high) if self.color else (1 - high, 1 - low)


@dataclass(frozen=True)
class GameReview:
    """A game with the reviews of its moves."""

    game: PlayedGame
    moves: tuple[MoveReview, ...]
    accuracy: dict[chess.Color, float | None] = field(init=False)

    def __post_init__(self) -> None:
        accuracies = [move.accuracy for move in self.moves]
        found = game_accuracy(self.curve, accuracies, self.game.start.turn)
        object.__setattr__(self, "accuracy", found)

    @property
    def curve(self) -> list[float]:
        """[N + 1]: White's win probability, before the first move and after each move."""
        if not self.moves:
            return [0.5]
        first = self.moves[0]
        start = first.best_win_prob if first.color else 1 - first.best_win_prob
        return [start, *(move.white_win_prob for move in self.moves)]

    @property
    def turning_points(self) -> list[MoveReview]:
        """The mistakes and blunders that lost most, in the order of the game."""
        wrong = [move for move in self.moves if move.judgement in ("mistake", "blunder")]
        worst = sorted(wrong, key=lambda move: -move.given_away)[:MOST_TURNING_POINTS]
        return sorted(worst, key=lambda move: move.ply)

    def judgements(self, color: chess.Color) -> Counter[Judgement]:
        """The number of moves of one side with each judgement."""
        return Counter(m.judgement for m in self.moves if m.color == color and m.judgement)


def review_games(
    engine: SearchlessEngine, games: Iterable[PlayedGame], at_once: int = POSITIONS_A_BATCH
) -> Iterator[GameReview]:
    """Review games one by one, with ``at_once`` positions per call of the engine.

    Keeps only as many games in memory as fill a batch.
    """
    waiting: list[PlayedGame] = []
    positions = 0
    for game in games:
        waiting.append(game)
        positions += len(game.moves)
        if positions >= POSITIONS_A_BATCH:
            yield from _review(engine, waiting, at_once)
            waiting, positions = [], 0
    yield from _review(engine, waiting, at_once)


def _review(
    engine: SearchlessEngine, games: Sequence[PlayedGame], at_once: int
) -> Iterator[GameReview]:
    boards = [board for game in games for board in game.positions()]
    analyses = iter(_analyse(engine, boards, at_once))
    for game in games:
        reviews = (
            review_move(ply, move, next(analyses)) for ply, move in enumerate(game.moves, start=1)
        )
        yield GameReview(game, tuple(reviews))


def _analyse(engine: SearchlessEngine, boards: list[chess.Board], at_once: int) -> list[Analysis]:
    """The analyses of boards. Boards with similar numbers of moves share calls of the engine."""
    order = sorted(range(len(boards)), key=lambda i: boards[i].legal_moves.count())
    found: dict[int, Analysis] = {}
    for start in range(0, len(order), at_once):
        some = [boards[i] for i in order[start : start + at_once]]
        found.update(zip(order[start:], engine.analyse_many(some), strict=False))
    return [found[i] for i in range(len(boards))]


def review_move(ply: int, move: chess.Move, analysis: Analysis) -> MoveReview:
    """The review of a move, from the analysis of the position in which it was played."""
    board = analysis.board
    played = analysis.moves.index(move)
    verdict = analysis.verdicts[played]
    win_prob = float(analysis.win_probs[played])
    exact = verdict is not None and not verdict.ceiling
    band = (win_prob, win_prob) if exact else _band(analysis.distributions[played], analysis.bins)
    san, best_san = board.san(move), board.san(analysis.best)
    after = board.copy(stack=False)
    after.push(move)
    return MoveReview(
        ply=ply,
        move=move,
        san=san,
        color=board.turn,
        win_prob=win_prob,
        band=band,
        best=analysis.best,
        best_san=best_san,
        best_win_prob=float(analysis.win_probs[0]),
        entropy_bits=choice_entropy(analysis.win_probs),
        only_move=is_only_move(analysis.win_probs),
        verdict=verdict.reason if verdict else None,
        fen=after.fen(),
    )


def _band(distribution: np.ndarray, bins: ValueBins) -> tuple[float, float]:
    """[K] -> the `BAND` quantiles, in win probability."""
    low, high = (
        float(bins.win_prob_of(quantile(distribution[None], level, bins))[0]) for level in BAND
    )
    return low, high


def choice_entropy(win_probs: np.ndarray) -> float:
    """[M] win probabilities -> entropy, in bits, of the softmax over the moves.

    0 if one move is far better than all others, log2(M) if all have the same value. 2 to this power
    is the effective number of moves to choose from.
    """
    logits = (np.asarray(win_probs, np.float64) - np.max(win_probs)) / CHOICE_TEMPERATURE
    weights = np.exp(logits)
    shares = weights / weights.sum()
    shares = shares[shares > 0]
    return max(0.0, float(-np.sum(shares * np.log2(shares))))


def is_only_move(win_probs: np.ndarray) -> bool:
    """[M] win probabilities -> whether the best is far above all others.

    False if there is only one legal move, since there was no choice.
    """
    if len(win_probs) < 2:
        return False
    second, best = np.partition(np.asarray(win_probs, np.float64), -2)[-2:]
    return bool(best - second >= ONLY_MOVE_GAP - ROUNDING)
