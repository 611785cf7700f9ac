"""Predicted win probabilities against the results of games: calibration without a teacher."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import jackknife_interval
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import RESULTS, Game, games_of, read_main_line
from model.evaluation.calibration import BLOCKS, Calibration
from model.inference.action_values import ActionValues, estimates

CHUNK = 512
BINS = 10
NOT_PLAYED_OUT = ("abandoned", "time forfeit", "rules infraction")
"""Values of the PGN tag Termination for games whose result does not tell about the position."""


@dataclass(frozen=True)
class Outcomes:
    """Positions of games, with the results of the games."""

    boards: list[chess.Board]
    """[N], without the moves before."""
    scores: np.ndarray
    """[N]: the game's score for the side to move: 1, 0.5 or 0."""
    games: np.ndarray
    """[N]: the game's index."""


def read_outcomes(paths: Sequence[Path], limit: int | None = None) -> Outcomes:
    """The first ``limit`` positions of finished games, before each move.

    Games that cannot be read, or that ended by a fault or on time, are left out. Raises InputError
    if no game is left.
    """
    boards: list[chess.Board] = []
    scores: list[float] = []
    games: list[int] = []
    for number, (game, result) in enumerate(_finished(paths)):
        try:
            played = read_main_line(game)
        except BadEntry:
            continue
        board = played.start.copy()
        for move in played.moves:
            boards.append(board.copy(stack=False))
            scores.append(result if board.turn == chess.WHITE else 1 - result)
            games.append(number)
            board.push(move)
        if limit is not None and len(boards) >= limit:
            break
    if not boards:
        raise InputError(
            f"expected games with results in {', '.join(map(str, paths))}, found none to use"
        )
    return Outcomes(boards[:limit], np.array(scores[:limit]), np.array(games[:limit]))


def _finished(paths: Sequence[Path]) -> Iterator[tuple[Game, float]]:
    for game in games_of(paths):
        ended = game.tags.get("Termination", "").lower()
        if game.result is not None and ended not in NOT_PLAYED_OUT:
            yield game, RESULTS[game.result]


def measure_outcomes(
    outcomes: Outcomes,
    source: ActionValues,
    progress: Callable[[int], None] = lambda positions: None,
) -> dict:
    """Compare each position's win probability, that of its best move, with the game's score; gives
    a JSON object.

    Intervals are over games, since all positions of a game have the same result.
    """
    predicted = np.zeros(len(outcomes.boards))
    for start in range(0, len(predicted), CHUNK):
        boards = outcomes.boards[start : start + CHUNK]
        values = source.action_values(boards, [list(board.legal_moves) for board in boards])
        found = [estimates(of_board, source).max() for of_board in values]
        predicted[start : start + len(boards)] = found
        progress(start + len(boards))
    calibration = Calibration.empty(bins=BINS)
    calibration.add(predicted, None, outcomes.scores, None, outcomes.games)
    sums = np.zeros((BLOCKS, 2))
    errors = np.square(predicted - outcomes.scores)
    np.add.at(sums, outcomes.games % BLOCKS, np.stack((np.ones_like(errors), errors), axis=1))
    error, *error_interval = calibration.error()
    squared, *squared_interval = jackknife_interval(lambda s: s[1] / max(s[0], 1.0), sums)
    return {
        "positions": len(predicted),
        "games": len(np.unique(outcomes.games)),
        "predicted": float(predicted.mean()),
        "score": float(outcomes.scores.mean()),
        "squared_error": squared,
        "calibration_error": error,
        "intervals_95": {"squared_error": squared_interval, "calibration_error": error_interval},
        "reliability": [
            {("score" if name == "teacher" else name): value for name, value in point.items()}
            for point in calibration.curve()
        ],
    }
