"""How a move is chosen from the moves' value distributions: mean, quantile, contempt, temperature.

`Choice` says what to maximise (`utilities`) and how strictly (`pick`). Everything is in win
probability from the point of view of the side to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_pipeline.encoding.values import ValueBins, mate_bonus
from engine.play.analysis import split_win_prob, win_draw_loss
from engine.play.rules import Verdict

NEUTRAL_RISK = 0.5


@dataclass(frozen=True)
class Choice:
    """``Choice()`` plays the move with the highest expected value.

    ``risk``: the quantile of the distribution that is maximised; low values prefer moves that
    cannot go far wrong, high values moves that may go very well. Exactly 0.5 means the mean (not
    the median).
    ``draw_contempt``: what a draw is worth less than 0.5; negative to seek draws.
    ``temperature``: 0 plays the best move; else moves are drawn with probability proportional to
    ``exp(utility / temperature)``.
    ``temperature_moves``: the temperature is for the first so many moves of a game, by the
    position's move number; 0 for all of them.
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
        """[M, K], [M] and [M] -> [M] float64: what each move is worth to this choice, in win
        probability, and for the nearness of mates beyond it.

        A move with an exact verdict is a certainty, so its quantiles are all its win probability.
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
        """Utilities [M] in falling order -> the index of the chosen move.

        ``move_number``: of the position, counted as in a FEN.
        """
        if not self.temperature or 0 < self.temperature_moves < move_number:
            return 0
        logits = (utilities - utilities[0]) / self.temperature
        weights = np.exp(logits)
        return int(rng.choice(len(weights), p=weights / weights.sum()))


def quantile(distributions: np.ndarray, level: float, bins: ValueBins) -> np.ndarray:
    """Distributions [M, K] -> [M] float64: the worth with ``level`` of the mass below it.

    Mass is spread evenly within its bin, so the quantile moves smoothly from edge to edge.
    """
    cumulative = np.cumsum(np.asarray(distributions, np.float64), axis=1)
    cumulative /= cumulative[:, -1:]
    index = np.argmax(cumulative >= level, axis=1)
    rows = np.arange(len(cumulative))
    above = cumulative[rows, index]
    below = np.where(index > 0, cumulative[rows, index - 1], 0.0)
    return bins.edges[index] + bins.width * (level - below) / (above - below)
