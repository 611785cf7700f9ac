"""Duplicates: all that any source says about one position -> one record.

The rule: scores are merged by move, and the deepest of each counts (see `dataset.merging`). Of
annotations as deep as one another the one with more moves wins, then the one with more bytes,
then the one whose bytes come last, and it takes the scores of further moves from the others, as in
ChessBench's one move a record; so neither the order of the input nor the division of the work
matters. The position's own score, the move played and the clocks are those of the first in that
order that has them. A position that any file gives to a split by hand goes there, and test comes
before the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from data_pipeline.dataset import merging, records
from data_pipeline.dataset.records import Keyed, PositionRecord

_PRECEDENCE = ("test", "validation", "train")


def deduplicate(keyed: Iterable[Keyed]) -> tuple[list[Keyed], int]:
    """One entry a position, by rising hash, and how many entries that left over."""
    by_hash = itemgetter(0)
    entries = sorted(keyed, key=by_hash)
    kept = [_united(list(copies)) for _, copies in groupby(entries, by_hash)]
    return kept, len(entries) - len(kept)


def _united(entries: list[Keyed]) -> Keyed:
    if len(entries) == 1:
        return entries[0]
    encoded = {data for _, data, _ in entries}
    by_hand = {split for _, _, split in entries}
    split = next((split for split in _PRECEDENCE if split in by_hand), "")
    if len(encoded) == 1:
        return entries[0][0], encoded.pop(), split
    return entries[0][0], records.encode(unite(map(records.decode, sorted(encoded)))), split


def unite(copies: Iterable[PositionRecord]) -> PositionRecord:
    """Records of one position -> one, by the module's rule."""
    ranked = sorted(copies, key=_rank)[::-1]
    best = ranked[0]
    for other in ranked[1:]:
        best = _filled(best, other)
    return merging.with_searches(best, _searches(ranked))


def _searches(ranked: Sequence[PositionRecord]) -> list[merging.Search]:
    """What all records say, one search a depth; of one depth the first record's word counts."""
    by_depth: dict[int, dict[int, int]] = {}
    for record in ranked:
        for search in merging.searches_of(record):
            by_depth[search.depth] = search.scores | by_depth.get(search.depth, {})
    return [merging.Search(depth, scores) for depth, scores in by_depth.items()]


def _rank(record: PositionRecord) -> tuple[int, int, bool, bool, bool]:
    has_score, has_played = record.state_score is not None, record.played is not None
    return record.depth, len(record.actions), has_score, has_played, record.clocks


def _filled(best: PositionRecord, other: PositionRecord) -> PositionRecord:
    """``best`` with what it lacks of all but moves' scores taken from ``other``."""
    if best.state_score is None:
        best = replace(best, state_score=other.state_score)
    if best.played is None:
        best = replace(best, played=other.played)
    if other.clocks and not best.clocks:
        board = best.board.copy(stack=False)
        board.halfmove_clock = other.board.halfmove_clock
        board.fullmove_number = other.board.fullmove_number
        best = replace(best, board=board, clocks=True)
    return best
