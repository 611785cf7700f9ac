"""The Lichess evaluation dump: one JSON object a line, of a position and its scored moves."""

import functools
import json

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

    Scores in the dump are from White's point of view. Of several evaluations the deepest is taken,
    then the one with more moves; moves without a score stay out, and the record is partial.
    """
    try:
        entry = json.loads(line)
    except ValueError:
        raise BadEntry("broken JSON") from None
    try:
        fen = entry["fen"]
        evaluation = max(entry["evals"], key=lambda e: (e.get("depth", 0), len(e["pvs"])))
        variations = [(pv["line"].split(" ", 1)[0], _white_score(pv)) for pv in evaluation["pvs"]]
        depth = min(int(evaluation.get("depth", 0)), 255)
        board, clocks = parse_fen(fen, share)
    except BadEntry:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadEntry("missing field") from None
    return record_of(board, variations, depth, clocks=clocks)


def _white_score(variation: dict) -> int:
    if "cp" in variation:
        return max(-MAX_CENTIPAWNS, min(MAX_CENTIPAWNS, int(variation["cp"])))
    if variation.get("mate"):
        return mate_score(int(variation["mate"]))
    raise BadEntry("missing score")


read_lichess_evaluations: Reader = functools.partial(read_lines, parse=parse_lichess_evaluation)
"""The Lichess evaluation dump (.jsonl, .jsonl.zst); see `parse_lichess_evaluation`."""
