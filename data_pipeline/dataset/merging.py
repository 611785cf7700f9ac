"""Several searches of one position -> one score for each move, and the depth of each score.

The deepest score of a move counts. A search with MultiPV over all moves that names only the best
ones also tells about the others: each is worse than the worst move that it named. So a move that
was scored only by a shallower search keeps its score if that is at least `BEHIND_CP` below the
worst score of the deeper search; otherwise it is set to that value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_pipeline.dataset.records import PositionRecord, make_record
from data_pipeline.encoding.values import MATE, MAX_CENTIPAWNS, MAX_MATE_MOVES

BEHIND_CP = 15
"""How far a move that a deeper search did not name is put behind the worst move that it named, at
least. With less, moves that the deeper search rejected would look as good as the best one."""


@dataclass(frozen=True)
class Search:
    """The scores of one search by action id, for the side to move."""

    depth: int
    scores: dict[int, int]
    restricted: bool = False
    """Whether it searched only given moves (``searchmoves``): then it tells nothing about
    others."""


def behind(score: int, margin: int = BEHIND_CP) -> int:
    """A score that is ``margin`` centipawns worse; for a mate the next worse score."""
    if abs(score) > MAX_CENTIPAWNS:
        lower = score - 1
        if MAX_CENTIPAWNS < lower < MATE - MAX_MATE_MOVES:
            return MAX_CENTIPAWNS
        return max(lower, 1 - MATE)
    lower = score - margin
    return lower if lower >= -MAX_CENTIPAWNS else MAX_MATE_MOVES - MATE


def merge(searches: Sequence[Search]) -> tuple[dict[int, int], int]:
    """Searches -> scores by action id, and the number of best moves scored by the deepest search.

    Of several searches of the same depth, the one with the most moves has priority, and their moves
    are combined. Scores of a restricted search are at most the worst score of the others.
    """
    scores: dict[int, int] = {}
    reached, worst = -1, MATE
    for search in sorted(searches, key=lambda s: (s.depth, s.restricted, len(s.scores))):
        if not search.scores:
            continue
        found = search.scores
        if search.restricted:
            found = {move: min(score, worst) for move, score in found.items()}
        elif search.depth > reached:
            reached, worst = search.depth, min(found.values())
            scores = {move: min(score, behind(worst)) for move, score in scores.items()}
        scores |= found
    deepest = max((s.depth for s in searches if s.scores), default=0)
    deep = {move for s in searches if s.depth == deepest for move in s.scores}
    ranked = sorted(scores, key=lambda move: (-scores[move], move))
    named = next((n for n, move in enumerate(ranked) if move not in deep), len(ranked))
    return scores, named


def searches_of(record: PositionRecord) -> list[Search]:
    """The searches that a record's scores came from, as far as they are known."""
    scores = dict(zip(record.actions.tolist(), record.scores.tolist(), strict=True))
    if record.shallow_depth is None:
        return [Search(record.depth, scores)] if scores else []
    named = record.actions[: record.deep_moves].tolist()
    return [
        Search(record.shallow_depth, {m: s for m, s in scores.items() if m not in set(named)}),
        Search(record.depth, {move: scores[move] for move in named}),
    ]


def with_searches(record: PositionRecord, searches: Sequence[Search]) -> PositionRecord:
    """The record with its moves' scores replaced by the merged scores of the searches."""
    searches = [search for search in searches if search.scores]
    if not searches:
        return record
    scores, named = merge(searches)
    depths = sorted({search.depth for search in searches})
    shallow = depths[0] if named < len(scores) and len(depths) > 1 else None
    made = make_record(
        record.board,
        np.fromiter(scores, np.uint16, len(scores)),
        np.fromiter(scores.values(), np.int32, len(scores)),
        depth=depths[-1],
        complete=len(scores) == record.board.legal_moves.count(),
        clocks=record.clocks,
        state_score=record.state_score,
        played=record.played,
    )
    return made if shallow is None else replace(made, shallow_depth=shallow, deep_moves=named)
