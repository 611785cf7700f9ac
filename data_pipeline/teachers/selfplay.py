"""Self-play: games whose moves are sampled by value, with every position scored by an engine.

A game starts from an opening and has its own temperature. A move is drawn from the softmax of the
legal moves' win probabilities with that temperature or, with a small probability, uniformly, so
that won, lost and unclear positions all occur. The win probabilities are the engine's scores, or
those of a `Player` such as a network: then the positions are those that the network reaches, and
the engine only scores them (DAgger, Ross et al. 2011).
"""

from collections.abc import Callable, Iterator, Sequence

import chess
import numpy as np

from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import move_of
from data_pipeline.sources.entries import unscored
from data_pipeline.teachers.options import GameOptions
from data_pipeline.teachers.stockfish import EngineFailed, Stockfish

Player = Callable[[Sequence[chess.Board]], Sequence[np.ndarray]]
"""Boards with their move stacks -> for each board the win probabilities [M] of its legal moves, in
the order of ``board.legal_moves``, for the side to move."""


class Game:
    """A game in progress; its randomness depends only on the seed and its number."""

    def __init__(self, number: int, board: chess.Board, options: GameOptions) -> None:
        self.board = board
        self.random_moves = options.random_moves
        self.plies_left = options.max_plies
        self.rng = np.random.default_rng([options.seed, number])
        low, high = np.log([options.lowest_temperature, options.highest_temperature])
        self.temperature = float(np.exp(self.rng.uniform(low, high)))

    def over(self) -> bool:
        """Whether the rules end the game, or it has reached its most plies."""
        board = self.board
        return (
            self.plies_left <= 0
            or board.halfmove_clock >= 100
            or board.is_insufficient_material()
            or board.is_repetition(3)
            or not any(board.legal_moves)
        )

    def play(self, moves: Sequence[chess.Move], win_probs: np.ndarray) -> None:
        """Sample one of ``moves`` by their win probabilities [M], and play it."""
        weights = np.exp((win_probs - np.max(win_probs)) / self.temperature)
        if self.rng.random() < self.random_moves:
            weights = np.ones(len(moves))
        self.board.push(moves[self.rng.choice(len(moves), p=weights / weights.sum())])
        self.plies_left -= 1


def play_games(
    games: Sequence[Game], engine: Stockfish, player: Player | None
) -> Iterator[PositionRecord | EngineFailed]:
    """Play games in parallel; yields every position of them with all its moves scored.

    If the engine fails twice on a position, the failure is yielded and its game ends.
    """
    games = [game for game in games if not game.over()]
    while games:
        records: list[PositionRecord] = []
        continued = []
        for game in games:
            try:
                records.append(engine.annotate(unscored(game.board, clocks=True)))
            except EngineFailed as failure:
                yield failure
            else:
                continued.append(game)
        yield from records
        boards = [game.board for game in continued]
        values = player(boards) if player and boards else [None] * len(boards)
        for game, record, win_probs in zip(continued, records, values, strict=True):
            if win_probs is None:
                game.play([move_of(action) for action in record.actions], record.win_probs)
            else:
                game.play(list(game.board.legal_moves), win_probs)
        games = [game for game in continued if not game.over()]
