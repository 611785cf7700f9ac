"""Duplicates: all that any source says about one position -> one record.

The rule: the deeper annotation wins, then the one with more moves, then the one with more bytes,
then the one whose bytes come last; so neither the order of the input nor the division of the work
matters. What the winner lacks is taken from the others in that order: the scores of further moves
(only where the depth is the same, as in ChessBench's one move a record), the position's own score,
the move played and the clocks. A position that any file gives to a split by hand goes there, and
test comes before the others.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from data_pipeline.dataset import records
from data_pipeline.dataset.records import Keyed, PositionRecord, make_record


def deduplicate(keyed: Iterable[Keyed]) -> tuple[list[Keyed], int]:
    """One entry a position, by rising hash, and how many entries that left over."""
    by_key: dict[bytes, list[Keyed]] = {}
    total = 0
    for entry in keyed:
        by_key.setdefault(entry[0], []).append(entry)
        total += 1
    kept = [_united(by_key[key]) for key in sorted(by_key)]
    return kept, total - len(kept)


def _united(entries: list[Keyed]) -> Keyed:
    if len(entries) == 1:
        return entries[0]
    encoded = {data for _, data, _ in entries}
    split = max(split for _, _, split in entries)
    if len(encoded) == 1:
        return entries[0][0], encoded.pop(), split
    return entries[0][0], records.encode(unite(map(records.decode, sorted(encoded)))), split


def unite(copies: Iterable[PositionRecord]) -> PositionRecord:
    """Records of one position -> one, by the module's rule; of equals the last one wins."""
    ranked = sorted(copies, key=_rank)[::-1]
    best = ranked[0]
    for other in ranked[1:]:
        best = _filled(best, other)
    return best


def _rank(record: PositionRecord) -> tuple[int, int, bool, bool, bool]:
    has_score, has_played = record.state_score is not None, record.played is not None
    return record.depth, len(record.actions), has_score, has_played, record.clocks


def _filled(best: PositionRecord, other: PositionRecord) -> PositionRecord:
    """``best`` with what it lacks taken from ``other``."""
    if best.state_score is None:
        best = replace(best, state_score=other.state_score)
    if best.played is None:
        best = replace(best, played=other.played)
    if other.clocks and not best.clocks:
        board = best.board.copy(stack=False)
        board.halfmove_clock = other.board.halfmove_clock
        board.fullmove_number = other.board.fullmove_number
        best = replace(best, board=board, clocks=True)
    further = ~np.isin(other.actions, best.actions)
    if best.depth != other.depth or not further.any():
        return best
    actions = np.concatenate((best.actions, other.actions[further]))
    return make_record(
        best.board,
        actions,
        np.concatenate((best.scores, other.scores[further])),
        depth=best.depth,
        complete=len(actions) == best.board.legal_moves.count(),
        clocks=best.clocks,
        state_score=best.state_score,
        played=best.played,
    )
