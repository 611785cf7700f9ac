"""Predicted win probabilities against the results of games: calibration without a teacher."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import jackknife_interval
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import RESULTS, Game, MainLine, games_of, read_main_line
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
    left_out: Counter[str]
    """Games that are not used, by reason."""


def read_outcomes(paths: Sequence[Path], limit: int | None = None) -> Outcomes:
    """The first ``limit`` positions of finished games, before each move.

    Games that cannot be read, or that ended by a fault or on time, are left out and counted. Raises
    InputError if no game is left.
    """
    left_out: Counter[str] = Counter()
    boards: list[chess.Board] = []
    scores: list[float] = []
    games: list[int] = []
    for number, game in enumerate(games_of(paths)):
        try:
            result, played = _outcome(game)
        except BadEntry as error:
            left_out[error.args[0]] += 1
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
        reasons = ", ".join(f"{count} {why}" for why, count in left_out.items()) or "none"
        raise InputError(
            f"expected games with results in {', '.join(map(str, paths))}, found none to use "
            f"(left out: {reasons})"
        )
    return Outcomes(boards[:limit], np.array(scores[:limit]), np.array(games[:limit]), left_out)


def _outcome(game: Game) -> tuple[float, MainLine]:
    """White's score and the moves. Raises BadEntry, with the reason, if they cannot be used."""
    if game.result is None:
        raise BadEntry("without a result")
    ended = game.tags.get("Termination", "").lower()
    if ended in NOT_PLAYED_OUT:
        raise BadEntry(ended)
    return RESULTS[game.result], read_main_line(game)


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
        "left_out": dict(outcomes.left_out),
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
