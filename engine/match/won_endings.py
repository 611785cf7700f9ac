"""Small endings, whose results are known: games from won positions, and single moves that keep the
result or not."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from statistics import median

import chess
import numpy as np

from data_pipeline.common.intervals import mean_interval, wilson_interval
from data_pipeline.teachers import retrograde
from data_pipeline.teachers.endgames import pieces_of_ending, random_position, spread_position
from engine.match.game import GameRecord, Pairing


def won_positions(ending: str, count: int, seed: int) -> list[tuple[chess.Board, chess.Color]]:
    """Random positions that one side wins with best play, with either side to move, and that
    side."""
    pieces = pieces_of_ending(ending)
    rng = random.Random(f"{seed} {ending}")
    found = []
    while len(found) < count:
        board = random_position(pieces, rng)
        value = retrograde.value(board)
        winner = board.turn if value > 0 else not board.turn
        stronger = max(chess.COLORS, key=lambda color: board.occupied_co[color].bit_count())
        if value and (len(pieces) == 4 or winner == stronger):
            found.append((board, winner))
    return found


def pairings(ending: str, player: str, opponent: str, count: int, seed: int) -> list[Pairing]:
    """Games from won positions, in which ``player`` is the side that wins."""
    games = []
    for number, (board, winner) in enumerate(won_positions(ending, count, seed)):
        white, black = (player, opponent) if winner == chess.WHITE else (opponent, player)
        games.append(Pairing(f"{ending}.{number + 1}", number, white, black, board.fen()))
    return games


def critical_positions(ending: str, count: int, seed: int) -> list[chess.Board]:
    """Random positions in which some moves keep the result with best play and others do not."""
    pieces = pieces_of_ending(ending)
    rng = random.Random(f"critical {seed} {ending}")
    boards = iter(lambda: random_position(pieces, rng), None)
    return list(islice((b for b in boards if len(set(_keeps(b).values())) == 2), count))


def moves_summary(boards: Sequence[chess.Board], chosen: Sequence[chess.Move]) -> dict:
    """In how many positions the chosen move keeps the result, as a JSON object."""
    kept = sum(_keeps(board)[move] for board, move in zip(boards, chosen, strict=True))
    return {
        "positions": len(boards),
        "kept": kept,
        "kept_rate": kept / len(boards),
        "kept_interval_95": list(wilson_interval(kept, len(boards))),
    }


def winning_positions(ending: str, count: int, seed: int) -> list[chess.Board]:
    """Positions at all distances to mate that the side to move wins."""
    pieces = pieces_of_ending(ending)
    rng = random.Random(f"winning {seed} {ending}")
    boards = iter(lambda: spread_position(pieces, rng), None)
    return list(islice((b for b in boards if retrograde.value(b) > 0), count))


def progress_summary(boards: Sequence[chess.Board], chosen: Sequence[chess.Move]) -> dict:
    """How much later the mate is after the chosen moves than after the best, as a JSON object.

    ``moves_lost``: the mean over positions in which the win is kept, in moves. From 1 on, no
    progress is made.
    """
    lost = []
    for board, move in zip(boards, chosen, strict=True):
        scores = retrograde.move_scores(board)
        if scores[move] > 0:
            lost.append(max(scores.values()) - scores[move])
    mean, low, high = mean_interval(lost)
    return {"moves_lost": mean, "moves_lost_interval_95": [low, high]}


def _keeps(board: chess.Board) -> dict[chess.Move, bool]:
    """Whether each move keeps the result: a win, a draw or a loss."""
    results = {move: np.sign(score) for move, score in retrograde.move_scores(board).items()}
    best = max(results.values())
    return {move: bool(result == best) for move, result in results.items()}


def summary(records: Sequence[GameRecord], player: str) -> dict:
    """The results of one ending's games, from the side of ``player``, as a JSON object.

    ``moves``: the median number of the player's moves in games that it won; ``shortest``: the
    median of the least number of moves that these wins need.
    """
    points = [record.points_of(player) for record in records]
    won = [record for record, point in zip(records, points, strict=True) if point == 1]
    moves = [_moves_of(record, player) for record in won]
    values = [retrograde.mate_in(retrograde.value(chess.Board(r.pairing.fen))) for r in won]
    drawn_or_lost = Counter(r.reason for r, point in zip(records, points, strict=True) if point < 1)
    return {
        "games": len(records),
        "won": len(won),
        "drawn": points.count(0.5),
        "lost": points.count(0.0),
        "win_rate": len(won) / len(records) if records else 0.0,
        "interval_95": list(wilson_interval(len(won), len(records))),
        "moves": median(moves) if moves else None,
        "shortest": median(abs(value or 0) for value in values) if values else None,
        "not_won": dict(drawn_or_lost.most_common()),
    }


def _moves_of(record: GameRecord, player: str) -> int:
    """How many moves the player made."""
    color = chess.WHITE if record.pairing.white == player else chess.BLACK
    first = chess.Board(record.pairing.fen).turn == color
    return (len(record.moves) + first) // 2
