"""Maximum-likelihood ratings, with intervals from the profile likelihood and from a bootstrap.

The model is in `engine.rating.likelihood`: Elo's logistic expected score, White's advantage, draws.
A difference of 200 Elo means 76 % of the points; with two players the estimate is
400 log10(s / (1 - s)) of the observed score s.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from data_pipeline.common.errors import InputError
from engine.rating.likelihood import Likelihood, Table
from engine.rating.results import Result


@dataclasses.dataclass(frozen=True)
class Rating:
    """A player's rating. ``interval_95``: from the profile likelihood. ``bounded``: without the
    virtual game the estimate would be infinite, since the player (or its group of opponents) won or
    lost all games against the others."""

    elo: float
    interval_95: tuple[float, float]
    games: int
    score: float
    bounded: bool


@dataclasses.dataclass(frozen=True)
class Ratings:
    """Ratings, strongest player first. ``draw_rate``: between equal players, without advantage."""

    players: dict[str, Rating]
    advantage_elo: float
    advantage_interval_95: tuple[float, float]
    draw_rate: float
    notes: tuple[str, ...]


def fit(results: Sequence[Result], anchors: Mapping[str, float] | None = None) -> Ratings:
    """Maximum-likelihood ratings. ``anchors`` have fixed Elo; without anchors the mean is zero.

    Raises InputError if there are no games, if an anchor did not play, or if two groups of players
    never met, so that their difference is unknown.
    """
    table = tabulate(results)
    problem = Likelihood(table, dict(anchors or {}))
    best = problem.maximise(*problem.constraint())
    players = table.players
    intervals = [problem.interval(best, index) for index in range(len(players))]
    games, scores = table.totals()
    order = sorted(range(len(players)), key=lambda i: -best[i])
    return Ratings(
        players={
            players[i]: Rating(
                float(best[i]), intervals[i], games[i], scores[i], players[i] in problem.bounded
            )
            for i in order
        },
        advantage_elo=float(best[-2]),
        advantage_interval_95=problem.interval(best, len(players)),
        draw_rate=1 / (1 + math.exp(-best[-1])),
        notes=tuple(problem.notes),
    )


def bootstrap(
    results: Sequence[Result],
    anchors: Mapping[str, float] | None = None,
    *,
    samples: int,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals from a stratified bootstrap over opening pairs.

    The games of two players from one opening are resampled together, since they are not
    independent. A game without a known opening is resampled alone. Each pairing is a stratum.
    """
    table = tabulate(results)
    problem = Likelihood(table, dict(anchors or {}))
    row_of = {tuple(pair): row for row, pair in enumerate(table.pairs.tolist())}
    index = {name: i for i, name in enumerate(table.players)}
    units: dict[tuple, np.ndarray] = {}
    strata: dict[frozenset, list[tuple]] = {}
    for number, result in enumerate(results):
        pairing = frozenset((result.white, result.black))
        key = (pairing, result.opening or number)
        if key not in units:
            units[key] = np.zeros_like(table.counts)
            strata.setdefault(pairing, []).append(key)
        row = row_of[index[result.white], index[result.black]]
        units[key][row, _column(result.score)] += 1
    stacked = [np.stack([units[key] for key in keys]) for keys in strata.values()]
    rng = np.random.default_rng(seed)
    ratings = []
    for _ in range(samples):
        counts = sum(_resample(stratum, rng) for stratum in stacked)
        sample = Likelihood(dataclasses.replace(table, counts=counts), problem.anchors)
        ratings.append(sample.maximise(*sample.constraint())[: len(table.players)])
    low, high = np.percentile(ratings, [2.5, 97.5], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(table.players)}


def _resample(units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    weights = rng.multinomial(len(units), np.full(len(units), 1 / len(units)))
    return np.tensordot(weights, units, axes=1)


def tabulate(results: Sequence[Result]) -> Table:
    """Count results. Raises InputError if there are none, or a player meets itself."""
    if not results:
        raise InputError("expected finished games to rate, found none")
    itself = next((r.white for r in results if r.white == r.black), None)
    if itself is not None:
        raise InputError(f"expected two players per game, found {itself!r} on both sides")
    players = tuple(sorted({name for r in results for name in (r.white, r.black)}))
    index = {name: i for i, name in enumerate(players)}
    counts: dict[tuple[int, int], list[int]] = {}
    for r in results:
        row = counts.setdefault((index[r.white], index[r.black]), [0, 0, 0])
        row[_column(r.score)] += 1
    pairs = sorted(counts)
    return Table(players, np.array(pairs), np.array([counts[p] for p in pairs], float))


def _column(score: float) -> int:
    """White's score 1, 0.5, 0 -> the column of ``Table.counts``."""
    return int(2 - 2 * score)
