"""Choosing a move from the moves' value distributions: mean, quantile, contempt, temperature.

`Choice` defines what is maximised (`utilities`) and how greedily (`pick`). Everything is in win
probability from the point of view of the side to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins, mate_bonus
from engine.play.analysis import split_win_prob, win_draw_loss
from engine.play.rules import Verdict

NEUTRAL_RISK = 0.5

PROMOTION_NOISE = {chess.ROOK: 0.1, chess.BISHOP: 0.1, chess.KNIGHT: 0.05}
"""By how much, in win probability, an underpromotion may be above the queen on the same square by
chance. Where Stockfish (depth 5) scores both the same, the standard deviation of the difference is
0.021 for rook against queen, 0.033 for bishops, 0.036 for knights (5,753 pairs in 1,792 positions
with promotions). A rook or a bishop is better than a queen only to avoid a stalemate, so its margin
is wide."""
UNDERPROMOTIONS = tuple(PROMOTION_NOISE)


@dataclass(frozen=True)
class Choice:
    """``Choice()`` plays the move with the highest expected value.

    ``risk``: the quantile of the distribution that is maximised. Low values prefer safe moves, high
    values prefer moves with a chance of a very good result. Exactly 0.5 stands for the mean (not
    the median). ``draw_contempt``: how much less than 0.5 a draw counts; negative values seek
    draws. ``temperature``: 0 plays the best move; otherwise moves are drawn with probability
    proportional to ``exp(utility / temperature)``. ``temperature_moves``: use the temperature only
    up to this move number; 0: in the whole game.
    """

    temperature: float = 0.0
    risk: float = NEUTRAL_RISK
    draw_contempt: float = 0.0
    temperature_moves: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"expected a temperature of at least 0, found {self.temperature}")
        if not 0 < self.risk < 1:
            raise ValueError(f"expected a risk between 0 and 1, found {self.risk}")
        if not -0.5 <= self.draw_contempt <= 0.5:
            raise ValueError(f"expected a contempt in [-0.5, 0.5], found {self.draw_contempt}")
        if self.temperature_moves < 0:
            raise ValueError(f"expected temperature_moves >= 0, found {self.temperature_moves}")

    def utilities(
        self,
        distributions: np.ndarray,
        win_probs: np.ndarray,
        verdicts: Sequence[Verdict | None],
        bins: ValueBins,
    ) -> np.ndarray:
        """[M, K], [M] and [M] -> [M] float64: the utility of each move, in win probability; a bonus
        for nearer mates comes on top.

        A move with an exact verdict is certain: all its quantiles equal its win probability.
        """
        exact = np.array([v is not None and not v.ceiling for v in verdicts], bool)
        utilities = np.array(win_probs, np.float64)
        if self.risk != NEUTRAL_RISK:
            risked = quantile(distributions[~exact], self.risk, bins)
            utilities[~exact] = bins.win_prob_of(risked)
        if self.draw_contempt:
            draws = win_draw_loss(distributions, bins)[:, 1]
            draws[exact] = split_win_prob(win_probs[exact])[:, 1]
            utilities -= self.draw_contempt * draws
        nearness = bins.nearness(distributions)
        nearness[exact] = bins.nearness_of(bins.bin_value_of(win_probs[exact]))
        return utilities + mate_bonus(win_probs, nearness)

    def pick(self, utilities: np.ndarray, rng: np.random.Generator, move_number: int) -> int:
        """Utilities [M] in descending order -> the index of the move to play.

        ``move_number``: that of the position, as in a FEN.
        """
        if not self.temperature or 0 < self.temperature_moves < move_number:
            return 0
        logits = (utilities - utilities[0]) / self.temperature
        weights = np.exp(logits)
        return int(rng.choice(len(weights), p=weights / weights.sum()))


def with_queens_preferred(
    utilities: np.ndarray, moves: Sequence[chess.Move], verdicts: Sequence[Verdict | None]
) -> np.ndarray:
    """Utilities [M] -> [M], in which a queen replaces an underpromotion (same pawn, same square)
    that is better by less than its `PROMOTION_NOISE`: the two exchange their utilities.

    Values that the rules or tablebases know exactly have no noise, so those moves are swapped only
    in a tie: a mate with a queen comes before one with a rook.
    """
    utilities = utilities.copy()
    indices = {move: i for i, move in enumerate(moves) if move.promotion}
    for move, queen in indices.items():
        if move.promotion != chess.QUEEN:
            continue
        others = [replace(move, promotion=piece) for piece in UNDERPROMOTIONS]
        near = [
            i
            for i in (indices[other] for other in others if other in indices)
            if 0 <= utilities[i] - utilities[queen] < _noise(moves[i], verdicts[i], verdicts[queen])
        ]
        if near:
            best = max(near, key=lambda i: utilities[i])
            utilities[[best, queen]] = utilities[[queen, best]]
    return utilities


def _noise(move: chess.Move, one: Verdict | None, other: Verdict | None) -> float:
    """The difference between an underpromotion and the queen that may be noise, given their
    verdicts."""
    exact = any(verdict is not None and not verdict.ceiling for verdict in (one, other))
    return 1e-9 if exact or move.promotion is None else PROMOTION_NOISE[move.promotion]


def quantile(distributions: np.ndarray, level: float, bins: ValueBins) -> np.ndarray:
    """Distributions [M, K] -> [M] float64: the bin value with ``level`` of the mass below it.

    Mass is spread evenly within its bin, so the quantile moves smoothly from edge to edge.
    """
    cumulative = np.cumsum(np.asarray(distributions, np.float64), axis=1)
    cumulative /= cumulative[:, -1:]
    index = np.argmax(cumulative >= level, axis=1)
    rows = np.arange(len(cumulative))
    above = cumulative[rows, index]
    below = np.where(index > 0, cumulative[rows, index - 1], 0.0)
    return bins.edges[index] + bins.width * (level - below) / (above - below)
