"""The analysis of a position: a distribution over the win probability of every legal move."""

from dataclasses import dataclass
from typing import Any

import chess
import numpy as np

from data_pipeline.encoding.values import ValueBins, centipawns, mate_bonus
from engine.play.rules import Verdict


@dataclass(frozen=True)
class Analysis:
    """The legal moves of a position, best first, with their values for the side to move.

    ``distributions`` [M, K] float32: over ``bins`` of each move's bin value, which is its win
    probability or, near 0 and 1, encodes the distance to mate (see
    `data_pipeline.encoding.values`); each sums to 1. ``win_probs`` [M] float64: the expected win
    probabilities. ``utilities`` [M] float64: what the engine maximises and sorts by, the expected
    win probability unless risk or draw contempt are set, plus a small bonus for nearer mates in
    decided positions. ``verdicts`` [M]: what the rules or tablebases know of each move, already
    included in the other fields; None if only the network was asked.

    If the network does not predict win probabilities (``gives_win_probs`` is false), ``win_probs``
    are the probabilities that each move is played, ``utilities`` their logarithms, and scores have
    no meaning.
    """

    board: chess.Board
    moves: tuple[chess.Move, ...]
    distributions: np.ndarray
    win_probs: np.ndarray
    utilities: np.ndarray
    verdicts: tuple[Verdict | None, ...]
    bins: ValueBins
    gives_win_probs: bool = True

    @property
    def best(self) -> chess.Move:
        """The move with the highest utility."""
        return self.moves[0]

    @property
    def outcomes(self) -> np.ndarray:
        """[M, K'] float64: the distributions over equal bins of win probability, for display. Mates
        at any distance are in the first and last bin."""
        return self.bins.over_win_probs(self.distributions)

    @property
    def win_draw_loss(self) -> np.ndarray:
        """[M, 3] float64: probabilities that the side to move wins, draws, loses, after each move.

        Computed by the function `win_draw_loss`; a move that the rules decide has its exact result.
        """
        exact = np.array([v is not None and not v.ceiling for v in self.verdicts], bool)[:, None]
        return np.where(
            exact, split_win_prob(self.win_probs), win_draw_loss(self.distributions, self.bins)
        )

    @property
    def scores_cp(self) -> np.ndarray:
        """[M] float64: the utilities as scores in centipawns, without the bonus for near mates."""
        bonus = mate_bonus(self.win_probs, self.bins.nearness(self.distributions))
        return centipawns(np.clip(self.utilities - bonus, 0.0, 1.0))


def to_json(analysis: Analysis) -> dict[str, Any]:
    """The analysis as ``argmax analyse --json`` prints it."""
    results, outcomes = analysis.win_draw_loss, analysis.outcomes
    moves = [
        {
            "move": move.uci(),
            "san": analysis.board.san(move),
            "win_prob": float(analysis.win_probs[i]),
            "score_cp": round(float(analysis.scores_cp[i])),
            "wdl": [round(float(share), 4) for share in results[i]],
            "verdict": verdict.reason if (verdict := analysis.verdicts[i]) else None,
            "distribution": [round(float(mass), 6) for mass in outcomes[i]],
        }
        for i, move in enumerate(analysis.moves)
    ]
    return {"fen": analysis.board.fen(), "best": analysis.best.uci(), "moves": moves}


def win_draw_loss(distributions: np.ndarray, bins: ValueBins) -> np.ndarray:
    """Distributions [..., K] -> [..., 3] float64: probabilities of a win, a draw and a loss.

    A win probability in the training data is an expected score: P(win) + P(draw) / 2. Each bin is
    split into results by `split_win_prob`, and the splits are averaged over the distribution. So
    the spread of the distribution tells a certain draw (all mass near 0.5) from an open game (mass
    at both ends), and P(win) + P(draw) / 2 is the expected value.
    """
    return np.asarray(distributions, np.float64) @ split_win_prob(bins.win_prob_of(bins.centres))


def split_win_prob(win_probs: np.ndarray) -> np.ndarray:
    """Expected scores [...] -> [..., 3]: the split into win, draw and loss with the most draws."""
    p = np.asarray(win_probs, np.float64)
    wins, losses = np.maximum(0.0, 2 * p - 1), np.maximum(0.0, 1 - 2 * p)
    return np.stack([wins, 1 - wins - losses, losses], axis=-1)
