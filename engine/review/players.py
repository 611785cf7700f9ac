"""Summaries of reviews by player."""

from collections import Counter
from dataclasses import dataclass, field

import chess
import numpy as np

from engine.review.accuracy import Judgement
from engine.review.review import GameReview


@dataclass
class PlayerSummary:
    """One player's moves and judgements so far."""

    games: int = 0
    moves: int = 0
    accuracies: list[float] = field(default_factory=list)  # one per game
    given_away: float = 0.0  # win probability lost, summed over moves
    best_moves: int = 0
    judgements: Counter[Judgement] = field(default_factory=Counter)

    def add(self, review: GameReview, color: chess.Color) -> None:
        """Add one game."""
        mine = [move for move in review.moves if move.color == color]
        self.games += 1
        self.moves += len(mine)
        self.given_away += sum(move.given_away for move in mine)
        self.best_moves += sum(move.move == move.best for move in mine)
        self.judgements += review.judgements(color)
        accuracy = review.accuracy[color]
        if accuracy is not None:
            self.accuracies.append(accuracy)

    def to_json(self) -> dict:
        """Means over games and moves; None if there are no games or moves."""
        moves = self.moves or None
        return {
            "games": self.games,
            "moves": self.moves,
            "accuracy": round(float(np.mean(self.accuracies)), 2) if self.accuracies else None,
            "given_away_a_move": moves and round(self.given_away / moves, 5),
            "best_move_rate": moves and round(self.best_moves / moves, 4),
            **{f"{kind}_count": self.judgements[kind] for kind in JUDGED},
        }


JUDGED: tuple[Judgement, ...] = ("inaccuracy", "mistake", "blunder")


class Players:
    """Summaries by player's name, filled game by game."""

    def __init__(self) -> None:
        self._by_name: dict[str, PlayerSummary] = {}

    def add(self, review: GameReview) -> None:
        """Add a game for both of its players."""
        for color in chess.COLORS:
            summary = self._by_name.setdefault(review.game.name(color), PlayerSummary())
            summary.add(review, color)

    def to_json(self) -> dict[str, dict]:
        """Summaries by name, players with the most games first."""
        ranked = sorted(self._by_name.items(), key=lambda item: (-item[1].games, item[0]))
        return {name: summary.to_json() for name, summary in ranked}
