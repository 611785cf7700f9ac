"""The Lichess evaluation dump: one JSON object per line, a position with its scored moves."""

import functools
import json

import chess

from data_pipeline.dataset.merging import Search, searches_of, with_searches
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_score
from data_pipeline.sources.entries import (
    BadEntry,
    Reader,
    Share,
    parse_fen,
    read_lines,
    record_of,
)


def parse_lichess_evaluation(line: bytes, share: Share | None = None) -> PositionRecord:
    """One line of the Lichess evaluation dump -> a record. Raises BadEntry with the reason.

    Scores in the dump are from White's point of view. Several evaluations are merged by move (see
    `data_pipeline.dataset.merging`); of evaluations with the same depth, the one with more moves
    comes first. Moves without a score are left out, and the record is then incomplete.
    """
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise BadEntry("broken JSON") from None
    try:
        fen = entry["fen"]
        ranked = sorted(entry["evals"], key=lambda e: (e.get("depth", 0), len(e["pvs"])))[::-1]
        moves, depth = _moves_and_depth(ranked[0])
        board, clocks = parse_fen(fen, share)
    except BadEntry:
        raise
    except OverflowError:
        raise BadEntry("infinite number") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise BadEntry("missing field") from None
    record = record_of(board, moves, depth, clocks=clocks)
    further = [search for e in ranked[1:] if (search := _search(board, e)) and search.depth < depth]
    return with_searches(record, [*searches_of(record), *further]) if further else record


def _moves_and_depth(evaluation: dict) -> tuple[list[tuple[str, int]], int]:
    """(move, score from White's point of view) of each variation, and the depth of the search."""
    moves = [(pv["line"].split(" ", 1)[0], _white_score(pv)) for pv in evaluation["pvs"]]
    return moves, max(0, min(int(evaluation.get("depth", 0)), 255))


def _search(board: chess.Board, evaluation: dict) -> Search | None:
    """An evaluation that is not the deepest; None if it cannot be used."""
    try:
        (search,) = searches_of(record_of(board, *_moves_and_depth(evaluation)))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # BadEntry too
        return None
    return search


def _white_score(variation: dict) -> int:
    if "cp" in variation:
        return max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, int(variation["cp"])))
    if variation.get("mate"):
        return mate_score(int(variation["mate"]))
    raise BadEntry("missing score")


read_lichess_evaluations: Reader = functools.partial(read_lines, parse=parse_lichess_evaluation)
"""The Lichess evaluation dump (.jsonl, .jsonl.zst); see `parse_lichess_evaluation`."""
