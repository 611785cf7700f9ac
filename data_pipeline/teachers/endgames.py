"""Positions of endings with few pieces, every legal move with its exact distance to mate.

Half of an ending's positions are random placements of its pieces, of all distances to mate (see
`spread_position`). The other half are from play that
starts at such placements: a side plays a best move four times out of five, otherwise any move that
keeps the result. Scores are from `retrograde`; a draw is 0 centipawns.
"""

import json
import random
from collections.abc import Container, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import position_hash
from data_pipeline.dataset.records import PositionRecord, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.encoding.values import mate_in_moves
from data_pipeline.teachers import retrograde

ENDINGS = ("KQK", "KRK", "KPK", "KBNK", "KBBK", "KQKR")
EXACT_DEPTH = 255
"""The depth in the records: it takes precedence over any search."""
_LONGEST_LINE = 40  # half-moves
_CARE = 0.8
_EVEN = 0.01
_SCORED = ("actions", "scores", "depth", "complete")


def pieces_of_ending(name: str) -> str:
    """``KQKR`` -> ``KQkr``, the pieces as `retrograde.table` takes them. Raises InputError."""
    white, separator, black = name[1:].partition("K")
    pieces = "K" + white + "k" + black.lower()
    usual = name.startswith("K") and separator and set(white + black) <= set("QRBNP")
    both_pawns = "P" in white and "P" in black
    if not usual or not 3 <= len(pieces) <= retrograde.MOST_PIECES or both_pawns:
        raise InputError(f"expected an ending of three or four pieces such as KRK, found {name!r}")
    return pieces


def random_position(pieces: str, rng: random.Random) -> chess.Board:
    """A uniformly random legal position that has a legal move; colours are random too."""
    while True:
        board = chess.Board(None)
        for square, symbol in zip(rng.sample(range(64), len(pieces)), pieces, strict=True):
            board.set_piece_at(square, chess.Piece.from_symbol(symbol))
        board.turn = rng.random() < 0.5
        if board.is_valid() and any(board.legal_moves):
            return board if rng.random() < 0.5 else board.mirror()


def spread_position(pieces: str, rng: random.Random) -> chess.Board:
    """A random position, near to the mate about as often as far from it."""
    kept = _shares_kept(pieces)
    while True:
        board = random_position(pieces, rng)
        if rng.random() < kept[abs(retrograde.value(board))]:
            return board


def positions(pieces: str, rng: random.Random) -> Iterator[tuple[chess.Board, dict]]:
    """An endless stream of positions of an ending, with their moves' scores (see `values`)."""
    while True:
        board = spread_position(pieces, rng)
        for played in range(_LONGEST_LINE):
            if board.is_insufficient_material() or not any(board.legal_moves):
                break
            scores = retrograde.move_scores(board)
            yield board, scores
            if played == 0 and rng.random() < 0.85:  # a line has about ten half-moves
                break
            board = board.copy(stack=False)
            board.push(_move(scores, rng))


@cache
def _shares_kept(pieces: str) -> np.ndarray:
    """[128]: the share of random positions to keep, by the absolute value in `retrograde`.

    Of some endings nearly all random positions are far from the mate: with bishop and knight 69 of
    100 won ones are 24 to 31 moves away, and one is less than 8. So of each distance only as many
    are kept as are `_EVEN` of the decided positions; of draws the mean share.
    """
    values = np.abs(retrograde.table(pieces).astype(np.int16))
    counts = np.bincount(values[values <= abs(retrograde.MATED)], minlength=128)
    decided = np.maximum(counts[1:], 1) / max(counts[1:].sum(), 1)
    kept = np.minimum(1.0, _EVEN / decided)
    return np.concatenate(([(decided * kept).sum()], kept))


def _move(scores: dict[chess.Move, int], rng: random.Random) -> chess.Move:
    best = max(scores.values())
    if rng.random() < _CARE:
        return rng.choice([move for move, score in scores.items() if score == best])
    return rng.choice([move for move, score in scores.items() if (score > 0) == (best > 0)])


def lines(pieces: str, count: int, seed: int, left_out: Container[bytes]) -> Iterator[str]:
    """``count`` different positions (or fewer, if the ending has not that many), without those in
    ``left_out``, as lines of the Lichess evaluation dump."""
    seen: set[bytes] = set()
    for board, scores in islice(positions(pieces, random.Random(f"{seed} {pieces}")), 20 * count):
        key = position_hash(board)
        if key in seen or key in left_out:
            continue
        seen.add(key)
        yield evaluation_line(board, scores)
        if len(seen) == count:
            return


def exactly(record: PositionRecord) -> PositionRecord:
    """The record with exact scores of all moves if it has three pieces, otherwise unchanged."""
    if record.board.occupied.bit_count() > 3 or record.board.castling_rights:
        return record
    scores = retrograde.move_scores(record.board)
    exact = make_record(
        record.board,
        np.array([ACTIONS[move.uci()] for move in scores], np.uint16),
        np.array(list(scores.values()), np.int32),
        depth=EXACT_DEPTH,
    )
    return replace(record, **{name: getattr(exact, name) for name in _SCORED})


def evaluation_line(board: chess.Board, scores: dict[chess.Move, int]) -> str:
    """A position and its moves' scores, for the side to move, as JSON with White's scores."""
    sign = 1 if board.turn == chess.WHITE else -1
    variations = []
    for move, score in sorted(scores.items(), key=lambda item: -item[1]):
        mate = mate_in_moves(score)
        shown = {"cp": sign * score} if mate is None else {"mate": sign * mate}
        variations.append({**shown, "line": move.uci()})
    fen = " ".join(board.fen().split()[:4])
    return json.dumps({"fen": fen, "evals": [{"pvs": variations, "depth": EXACT_DEPTH}]})
