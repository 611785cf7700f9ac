"""A ladder: rate a player by games against levels, some of known rating, some not.

After every round the ratings are fitted to all games. The next pairing is the one that is expected
to reduce the uncertainty of the player's rating most: a level near the player, or games that
connect a level of unknown rating to one of known rating. Known ratings are taken as exact.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import NORMAL_95
from engine.rating.elo import Ratings, fit, tabulate
from engine.rating.likelihood import Likelihood, outcome_probabilities
from engine.rating.options import LadderConfig
from engine.rating.results import Result

GUESS_SPREAD_ELO = 400.0  # standard deviation of a rating before any game; for planning only


@dataclass(frozen=True)
class Level:
    """A level of the ladder: ``elo`` if its rating is known, otherwise ``guess``, roughly."""

    name: str
    elo: float | None
    guess: float


@dataclass(frozen=True)
class Ladder:
    """The player, the levels, and all games so far."""

    player: str
    levels: Sequence[Level]
    config: LadderConfig
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.anchors:
            raise InputError("expected a level of known rating, found none")

    @property
    def anchors(self) -> dict[str, float]:
        """The levels of known rating."""
        return {level.name: level.elo for level in self.levels if level.elo is not None}

    def ratings(self) -> Ratings:
        """The ratings fitted to all games, with intervals; levels without games are not
        included."""
        return fit(self.results, self._met(self.anchors))

    def done(self) -> bool:
        """Whether the interval is narrow enough, or the maximum number of games is reached."""
        if not self.results:
            return False
        if len(self.results) >= self.config.most_games:
            return True
        problem, point = self._fit()
        index = problem.table.players.index(self.player)
        low, high = problem.interval(point, index)
        return self.player not in problem.bounded and (high - low) / 2 <= self.config.half_width

    @property
    def round_games(self) -> int:
        """The number of games of the next round, at most as many as are left."""
        return min(self.config.games_a_round, self.config.most_games - len(self.results))

    def next_pairing(self) -> tuple[str, str]:
        """The two players of the next round; if the rated player is one of them, it comes first."""
        places, information, elos = self._information()
        best, choice = np.inf, None
        for a, b in self._candidates():
            more = information.copy()
            _add(more, places, a, b, self.config.games_a_round * _per_game(elos[a] - elos[b]))
            spread = self._spread(places, more)
            if spread < best - 1e-9:
                best, choice = spread, (a, b)
        assert choice is not None
        return choice

    def _candidates(self) -> list[tuple[str, str]]:
        """Pairings of which at least one is an anchor or has played before."""
        known = set(self.anchors) | {name for r in self.results for name in (r.white, r.black)}
        pairs = [(self.player, level.name) for level in self.levels]
        unrated = [level.name for level in self.levels if level.elo is None]
        pairs += [
            (a.name, b.name)
            for a, b in combinations(self.levels, 2)
            if a.name in unrated or b.name in unrated
        ]
        linked = [pair for pair in pairs if known & set(pair)]
        return linked if self.results else [p for p in linked if p[1] in self.anchors]

    def _met(self, anchors: Mapping[str, float]) -> dict[str, float]:
        names = {name for r in self.results for name in (r.white, r.black)}
        return {name: elo for name, elo in anchors.items() if name in names}

    def _elos(self) -> dict[str, float]:
        """The current estimate for everyone: known, fitted, or guessed."""
        elos = {level.name: level.guess for level in self.levels}
        elos |= {self.player: self.config.start_elo}
        if self.results:
            problem, point = self._fit()
            elos |= dict(zip(problem.table.players, point.tolist(), strict=False))
        return elos | self.anchors

    def _fit(self) -> tuple[Likelihood, np.ndarray]:
        problem = Likelihood(tabulate(self.results), self._met(self.anchors))
        return problem, problem.maximise(*problem.constraint())

    def _information(self) -> tuple[dict[str, int], np.ndarray, dict[str, float]]:
        """The row of each unknown rating in the information matrix, the matrix, and all ratings."""
        elos = self._elos()
        unrated = [self.player, *(level.name for level in self.levels if level.elo is None)]
        places = {name: i for i, name in enumerate(unrated)}
        information = np.eye(len(unrated)) / GUESS_SPREAD_ELO**2
        for r in self.results:
            _add(information, places, r.white, r.black, _per_game(elos[r.white] - elos[r.black]))
        return places, information, elos

    def _spread(self, places: Mapping[str, int], information: np.ndarray) -> float:
        """The expected half-width of the player's 95 % interval, from an information matrix."""
        variance = np.linalg.inv(information)[places[self.player], places[self.player]]
        return NORMAL_95 * float(np.sqrt(variance))


def _per_game(difference_elo: float, draw_rate: float = 0.2, step: float = 1.0) -> float:
    """The Fisher information of one game about the rating difference, per Elo squared."""
    shifted = np.array([difference_elo - step, difference_elo, difference_elo + step])
    outcomes = np.stack(outcome_probabilities(shifted, draw_rate))
    slopes = (outcomes[:, 2] - outcomes[:, 0]) / (2 * step)
    return float((slopes**2 / outcomes[:, 1]).sum())


def _add(information: np.ndarray, places: Mapping[str, int], a: str, b: str, amount: float) -> None:
    """Add ``amount`` of information about the difference of a and b; anchors have no row."""
    rows = [(places[name], sign) for name, sign in ((a, 1.0), (b, -1.0)) if name in places]
    for i, first in rows:
        for j, second in rows:
            information[i, j] += amount * first * second


def climb(
    ladder: Ladder,
    play_round: Callable[[str, str, int], Sequence[Result]],
    progress: Callable[[Ladder], None] = lambda ladder: None,
) -> Ratings:
    """Play rounds until the ladder is done; ``play_round(a, b, games)`` returns the results."""
    while not ladder.done():
        a, b = ladder.next_pairing()
        ladder.results.extend(play_round(a, b, ladder.round_games))
        progress(ladder)
    return ladder.ratings()
