"""Finished games -> pairs of a position and a later one of the same game.

These are the transitions of temporal-difference learning: what is known about a move is the
position some plies later, and the result of the game. Values are for the side to move of each
position.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import chess
import grain
import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_batch
from data_pipeline.batches.loader import Stream
from data_pipeline.common.errors import InputError
from data_pipeline.common.files import numbered_lines
from data_pipeline.dataset.records import encode, make_record
from data_pipeline.encoding.actions import action_of
from data_pipeline.sources.entries import BadEntry
from data_pipeline.sources.pgn import RESULTS, Game, MainLine, read_main_line, split_games

REACH = (4, 100)
"""How far a position may be from the end of its game, in plies, at the first and the last step.
Half of the 3,000 games of the study have 92 plies or fewer."""


@dataclass(frozen=True)
class Games:
    """The N positions of all games, one game after another."""

    encoded: Sequence[bytes]
    """Records with one move, the move played."""
    last: np.ndarray
    """[N] int64: the index of the last position of the same game."""
    results: np.ndarray
    """[N] float32: the game's result for the side to move, 0, 1/2 or 1."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of games that were not used, by reason."""


class Transitions(NamedTuple):
    """B positions with the move played, and the positions some plies later."""

    now: Inputs
    later: Inputs
    """If the game has ended by then: its last position, to be ignored."""
    ended: np.ndarray  # [B] bool
    results: np.ndarray  # [B] float32: for the side to move now


def read_games(path: Path) -> Games:
    """All finished games of a PGN file, plain or compressed.

    Games that are illegal, not standard chess, or without a result or moves are counted and left
    out. Raises InputError if no game is left, or if the file cannot be read to its end.
    """
    encoded: list[bytes] = []
    last: list[int] = []
    results: list[float] = []
    left_out: Counter[str] = Counter()
    for game in split_games(numbered_lines(path)):
        try:
            result, played = _finished(game)
        except BadEntry as bad:
            left_out[str(bad)] += 1
            continue
        board = played.start
        last += [len(encoded) + len(played.moves) - 1] * len(played.moves)
        for move in played.moves:
            results.append(result if board.turn == chess.WHITE else 1.0 - result)
            action = np.array([action_of(move)], np.uint16)
            encoded.append(encode(make_record(board, action, np.zeros(1), complete=False)))
            board.push(move)
    if not encoded:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise InputError(f"expected finished games in {path}, found none ({reasons or 'no games'})")
    return Games(encoded, np.array(last), np.array(results, np.float32), left_out)


def _finished(game: Game) -> tuple[float, MainLine]:
    """White's score and the moves. Raises BadEntry."""
    played = read_main_line(game)
    if game.result is None:
        raise BadEntry("no result")
    if not played.moves:
        raise BadEntry("no moves")
    return RESULTS[game.result], played


def make_transitions(games: Games, indices: Sequence[int], plies: int) -> Transitions:
    """The positions with these indices, and those ``plies`` later in the same games."""
    now = np.asarray(indices)
    ended = now + plies > games.last[now]
    later = np.where(ended, games.last[now], now + plies)

    def inputs(at: np.ndarray) -> Inputs:
        return make_batch([games.encoded[i] for i in at.tolist()], 1).inputs

    return Transitions(inputs(now), inputs(later), ended, games.results[now])


def training_transitions(
    games: Games, batch_size: int, plies: int, steps: int, seed: int
) -> Stream[Transitions]:
    """One batch for each of ``steps`` steps: positions and those ``plies`` later in the same games.

    Games are sampled at random, and learned from their ends backwards: the largest distance of a
    position from the end of its game grows linearly from `REACH` [0] plies at the first step to
    `REACH` [1] at the last, so that a value is learned after the values that it depends on.
    """
    lasts, firsts = np.unique(games.last, return_index=True)
    lengths = lasts - firsts + 1

    def batch(step: int, rng: np.random.Generator) -> Transitions:
        reach = np.interp(step, (0, steps), REACH)
        game = rng.integers(len(lasts), size=batch_size)
        back = (rng.random(batch_size) * np.minimum(lengths[game], reach)).astype(int)
        return make_transitions(games, (lasts[game] - back).tolist(), plies)

    batches = grain.MapDataset.range(steps).seed(seed).random_map(batch)
    return Stream(batches)
