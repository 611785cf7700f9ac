"""The likelihood of game results under the rating model, and its maximum under constraints.

The model: the expected score of White, with draws as half a point, is Elo's logistic curve,

    s = P(win) + P(draw) / 2 = 1 / (1 + 10^(-(elo_white + advantage - elo_black) / 400))

and draws follow Davidson (1970): P(draw)^2 / (P(win) P(loss)) = nu^2 is the same for every pair.
Without draws this is the Bradley-Terry model.
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import profile_interval

ELO_TO_LOGIT = math.log(10) / 400
MOST_ELO = 6000.0  # larger differences are clipped
LEAST = 1e-60  # lower bound of a probability, since the optimizer may reach points where it is 0
ADVANTAGE_SPREAD_ELO = 200.0  # weak normal prior, in case White wins every game


@dataclasses.dataclass(frozen=True)
class Table:
    """Results by ordered pair of players: ``pairs: [P, 2]`` (White, Black), ``counts: [P, 3]``
    (White's wins, draws, losses)."""

    players: tuple[str, ...]
    pairs: np.ndarray
    counts: np.ndarray

    def totals(self) -> tuple[list[int], list[float]]:
        """The number of games and points of every player."""
        games, points = np.zeros((2, len(self.players)))
        for (white, black), (wins, draws, losses) in zip(self.pairs, self.counts, strict=True):
            games[[white, black]] += wins + draws + losses
            points[white] += wins + draws / 2
            points[black] += losses + draws / 2
        return [int(g) for g in games], [float(p) for p in points]


def outcome_probabilities(difference_elo, draw_rate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[...] Elo difference for White, with advantage -> White's P(win), P(draw), P(loss)."""
    log_odds = np.log(draw_rate) - np.log1p(-np.asarray(draw_rate))
    win, half_draw, loss, *_ = _outcomes(np.asarray(difference_elo, float), log_odds)
    return win, 2 * half_draw, loss


def _outcomes(difference_elo: np.ndarray, draw_log_odds) -> tuple[np.ndarray, ...]:
    """P(win), P(draw) / 2, P(loss), the score s and the root R below.

    With h = P(draw) / 2: 4 h^2 = nu^2 (s - h)(1 - s - h), so h = s (1 - s) / (1/2 + R) where
    R^2 = 1/4 - 4 a s (1 - s), a = 1/4 - 1 / nu^2, and nu = 2 exp(draw_log_odds). The differences
    s - h and 1 - s - h are expanded to avoid cancellation when one side is much stronger.
    """
    logit = ELO_TO_LOGIT * np.clip(difference_elo, -MOST_ELO, MOST_ELO)
    score, rest = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(logit))
    curvature = 0.25 - 0.25 * np.exp(-2 * np.clip(draw_log_odds, -20.0, 20.0))
    root = np.sqrt(np.maximum(0.25 - 4 * curvature * score * rest, 1e-18))
    whole = 0.5 + root
    win = score**2 * (1 - 4 * curvature * rest / whole) / whole
    loss = rest**2 * (1 - 4 * curvature * score / whole) / whole
    return np.maximum(win, LEAST), score * rest / whole, np.maximum(loss, LEAST), score, root


class Likelihood:
    """The likelihood of a table. A point is ``[ratings..., advantage, log odds of a draw]``."""

    def __init__(self, table: Table, anchors: dict[str, float]) -> None:
        self.table, self.anchors = table, anchors
        self.size = len(table.players) + 2
        self.notes: list[str] = []
        _check_anchors(table, anchors)
        groups = _components(table, "weak", anchors)
        if len(groups) > 1:
            shown = "; ".join("{" + ", ".join(group) + "}" for group in groups)
            raise InputError(
                f"expected players linked by games, found groups that never met: {shown}; "
                "rate them apart, or add games between them"
            )
        self.counts, self.bounded = self._with_virtual_games()
        self.free_advantage = self._advantage_is_identified()

    def _with_virtual_games(self) -> tuple[np.ndarray, set[str]]:
        """The counts with one virtual game, half won and half lost, added to each one-sided pairing
        between groups that are not connected in both directions, where the estimate is infinite."""
        groups = _components(self.table, "strong", self.anchors)
        if len(groups) == 1:
            return self.table.counts, set()
        group_of = {name: i for i, group in enumerate(groups) for name in group}
        owners = np.array([group_of[name] for name in self.table.players])[self.table.pairs]
        counts = self.table.counts.copy()
        counts[np.ix_(owners[:, 0] != owners[:, 1], [0, 2])] += 0.5
        largest = max(groups, key=len)
        alone = sum(len(group) == len(largest) for group in groups) == 1
        firm = set(largest) if alone and not self.anchors else set(self.anchors)
        bounded = {n for g in groups if firm.isdisjoint(g) for n in g}
        self.notes.append(
            "one-sided results: a virtual game, half won and half lost, was added to each pairing "
            f"in which one side took every point, which bounds {', '.join(sorted(bounded))}"
        )
        return counts, bounded

    def _advantage_is_identified(self) -> bool:
        """False if advantage and ratings cannot be separated, as when one player is always
        White."""
        _, basis = self.constraint(free_advantage=True)
        rows = np.zeros((len(self.table.pairs), self.size))
        for row, (white, black) in zip(rows, self.table.pairs, strict=True):
            row[[white, black, -2]] += [1, -1, 1]
        identified = np.linalg.matrix_rank(rows @ basis) >= basis.shape[1] - 1
        if not identified:
            self.notes.append("White's advantage was set to 0: colours were not swapped enough")
        return bool(identified)

    def constraint(
        self, fixed: Mapping[int, float] | None = None, free_advantage: bool | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(offset, basis): the allowed points are ``offset + basis @ u`` for any u.

        Anchors and ``fixed`` (index -> value) have fixed values; without anchors the mean rating is
        0.
        """
        count = self.size - 2
        constant = {self.table.players.index(name): elo for name, elo in self.anchors.items()}
        constant |= fixed or {}
        if not (self.free_advantage if free_advantage is None else free_advantage):
            constant.setdefault(count, 0.0)
        offset = np.zeros(self.size)
        offset[list(constant)] = list(constant.values())
        variable = [i for i in range(self.size) if i not in constant]
        basis = np.eye(self.size)[:, variable]
        free = [i for i in range(count) if i not in constant]
        if not self.anchors and free:
            offset[free] = -offset[:count].sum() / len(free)
            last = variable.index(free[-1])
            basis[free[-1], [variable.index(i) for i in free[:-1]]] = -1.0
            basis = np.delete(basis, last, axis=1)
        return offset, basis

    def maximise(self, offset, basis, start: np.ndarray | None = None) -> np.ndarray:
        """The point of maximum likelihood among ``offset + basis @ u``; ``start`` is a point near
        it."""
        from scipy.optimize import minimize

        if not basis.shape[1]:
            return offset
        guess = np.zeros(self.size) if start is None else start - offset
        scale = np.full((self.size, 1), 1 / ELO_TO_LOGIT)  # similar curvature in all directions
        scale[-1] = 1.0
        basis = basis * scale
        guess = np.linalg.lstsq(basis, guess, rcond=None)[0]

        def objective(u):
            value, slope = self.loss(offset + basis @ u)
            return value, basis.T @ slope

        found = minimize(objective, guess, jac=True, method="BFGS", options={"gtol": 1e-5})
        return offset + basis @ found.x

    def loss(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The negative log-likelihood, with two weak priors, and its gradient at ``point``."""
        white, black = self.table.pairs.T
        difference = point[white] - point[black] + point[-2]
        win, half_draw, loss, score, root = _outcomes(difference, point[-1])
        wins, draws, losses = self.counts.T
        value = -(wins @ np.log(win) + draws @ np.log(2 * half_draw) + losses @ np.log(loss))
        bend = (1 - 2 * score) / (2 * root)  # d half_draw / d score
        by_score = wins * (1 - bend) / win + draws * bend / half_draw - losses * (1 + bend) / loss
        by_difference = by_score * score * (1 - score) * ELO_TO_LOGIT
        by_half_draw = draws / half_draw - wins / win - losses / loss
        slope = np.zeros(self.size)
        np.add.at(slope, white, -by_difference)
        np.add.at(slope, black, by_difference)
        slope[-2] = -by_difference.sum() + point[-2] / ADVANTAGE_SPREAD_ELO**2
        bound = np.clip(point[-1], -20.0, 20.0)
        widening = half_draw**2 / root * np.exp(-2 * bound)  # d half_draw / d draw_log_odds
        slope[-1] = -(by_half_draw @ widening) + 0.5 * math.tanh(point[-1] / 2)
        value += 0.5 * (point[-2] / ADVANTAGE_SPREAD_ELO) ** 2
        value += np.logaddexp(0.0, point[-1]) - point[-1] / 2  # prior: half a draw, half a win
        return float(value), slope

    def interval(self, best: np.ndarray, index: int) -> tuple[float, float]:
        """The 95 % interval of one parameter: where the profile log-likelihood falls by 1.92."""
        if self.table.players[index : index + 1] and self.table.players[index] in self.anchors:
            return float(best[index]), float(best[index])
        if index == self.size - 2 and not self.free_advantage:
            return 0.0, 0.0

        def profile(value: float) -> float:
            point = self.maximise(*self.constraint({index: value}), start=best)
            return self.loss(point)[0]

        return profile_interval(profile, float(best[index]), step=8.0)


def _check_anchors(table: Table, anchors: Mapping[str, float]) -> None:
    absent = sorted(set(anchors) - set(table.players))
    if absent:
        raise InputError(
            f"expected anchors among the players ({', '.join(table.players)}), found {absent[0]!r}"
        )


def _components(table: Table, kind: str, anchors: Mapping[str, float]) -> list[list[str]]:
    """Groups of players connected by games (``weak``), or by points in both directions
    (``strong``).

    Anchors are connected with one another, since their difference is known.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    scored = table.counts @ np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    white, black = table.pairs.T
    sources, targets = np.concatenate([white, black]), np.concatenate([black, white])
    kept = scored.T.ravel() > 0
    known = [table.players.index(name) for name in anchors]
    sources = np.concatenate([sources[kept], known, np.roll(known, 1)]).astype(int)
    targets = np.concatenate([targets[kept], np.roll(known, 1), known]).astype(int)
    size = len(table.players)
    graph = coo_matrix((np.ones(len(sources)), (sources, targets)), shape=(size, size))
    count, labels = connected_components(graph, connection=kind)
    return [[table.players[i] for i in np.flatnonzero(labels == k)] for k in range(count)]
