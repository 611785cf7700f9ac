"""The engine: a network's value distributions, the rules of chess, and the choice of a move."""

from collections.abc import Sequence
from typing import Literal, Protocol

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.actions import action_of
from data_pipeline.encoding.values import ValueBins, two_hot
from engine.play import rules as chess_rules
from engine.play.analysis import Analysis
from engine.play.move_choice import UNDERPROMOTIONS, Choice, with_queens_preferred
from engine.play.rules import Verdict
from model.inference.action_values import ActionValues, estimates, gives_win_probs

RuleSet = bool | Literal["reference"]


class Oracle(Protocol):
    """Knows the exact results of some moves; `engine.play.tablebase.Tablebase` is one."""

    def verdicts(
        self, board: chess.Board, moves: Sequence[chess.Move]
    ) -> Sequence[Verdict | None] | None:
        """The verdict on each move, or None if the position is not covered."""
        ...


class SearchlessEngine:
    """Plays the move that ``choice`` prefers among the distributions of ``predictor``.

    ``rules``: True: mates, stalemates, repetitions and draws by the 50-move rule are recognized
    exactly (`engine.play.rules`). False: the network alone. ``"reference"``: as the engines of
    Ruoss et al. 2024 (`reference_verdicts`). ``tablebase``: adds its verdicts. ``seed``: for random
    choices; the same seed and the same calls give the same moves.

    A network that predicts only how likely each move is played is ranked by that probability, and
    samples from it at temperature 1. Of the rules only checkmate is used then: the value of a draw
    cannot be compared with such a probability.
    """

    def __init__(
        self,
        predictor: ActionValues,
        rules: RuleSet = True,
        choice: Choice | None = None,
        tablebase: Oracle | None = None,
        seed: int | Sequence[int] = 0,
    ) -> None:
        self.predictor = predictor
        self.rules = rules
        self.choice = choice or Choice()
        self.tablebase = tablebase
        self._rng = np.random.default_rng(seed)

    def analyse(self, board: chess.Board, moves: Sequence[chess.Move] | None = None) -> Analysis:
        """All legal moves of ``board`` (or ``moves``), best first.

        Raises ValueError if there is no move: the game is over.
        """
        of_board = list(board.legal_moves if moves is None else moves)
        return self._analyse([board], [of_board])[0]

    def analyse_many(self, boards: Sequence[chess.Board]) -> list[Analysis]:
        """`analyse` for many positions in one batched pass of the network."""
        return self._analyse(boards, [list(board.legal_moves) for board in boards])

    def choose(self, analysis: Analysis, rng: np.random.Generator | None = None) -> chess.Move:
        """The move to play. With a temperature it is random, drawn with ``rng`` or by default with
        the engine's generator."""
        move_number = analysis.board.fullmove_number
        return analysis.moves[self.choice.pick(analysis.utilities, rng or self._rng, move_number)]

    def play(self, board: chess.Board) -> chess.Move:
        """The move to play in ``board``, which must have a legal move."""
        return self.choose(self.analyse(board))

    def _analyse(
        self, boards: Sequence[chess.Board], moves: Sequence[list[chess.Move]]
    ) -> list[Analysis]:
        for board, choices in zip(boards, moves, strict=True):
            if not choices:
                raise ValueError(f"expected a position with a legal move, found {board.fen()}")
        values = self.predictor.action_values(boards, moves)
        return [self._rank(*position) for position in zip(boards, moves, values, strict=True)]

    def _rank(self, board: chess.Board, moves: list[chess.Move], values: np.ndarray) -> Analysis:
        """Combine the network's values [M, K] with the verdicts, and sort the moves, best first.

        With the rules, a queen is preferred to a needless underpromotion (`with_queens_preferred`).
        """
        bins, win_probs_given = self.predictor.bins, gives_win_probs(self.predictor)
        expected = estimates(values, self.predictor)
        verdicts = self._verdicts(board, moves)
        distributions, win_probs = _apply(verdicts, values, expected, bins)
        if win_probs_given:
            utilities = self.choice.utilities(distributions, win_probs, verdicts, bins)
            if self.rules is True:
                utilities = with_queens_preferred(utilities, moves, verdicts)
        else:
            utilities = np.log(np.maximum(win_probs, 1e-30))
        order = np.lexsort((*self._ties(moves, expected), -utilities))
        return Analysis(
            board=board.copy(stack=1),
            moves=tuple(moves[i] for i in order),
            distributions=distributions[order],
            win_probs=win_probs[order],
            utilities=utilities[order],
            verdicts=tuple(verdicts[i] for i in order),
            bins=bins,
            gives_win_probs=win_probs_given,
        )

    def _ties(self, moves: list[chess.Move], expected: np.ndarray) -> tuple[np.ndarray, ...]:
        """Keys for `np.lexsort` among moves of equal utility, such as two mates: the network's
        estimate, after putting underpromotions last if the rules are on. In the reference the move
        with the lower action id comes first."""
        if self.rules == "reference":
            return (np.array([action_of(move) for move in moves]),)
        if not self.rules:
            return (-expected,)
        return (-expected, np.array([move.promotion in UNDERPROMOTIONS for move in moves]))

    def _verdicts(self, board: chess.Board, moves: list[chess.Move]) -> Sequence[Verdict | None]:
        """The verdicts of the rules; those of the tablebase where the rules have none."""
        found: Sequence[Verdict | None] = [None] * len(moves)
        if self.rules == "reference":
            found = chess_rules.reference_verdicts(board, moves)
        elif self.rules:
            found = chess_rules.verdicts(board, moves)
        if not gives_win_probs(self.predictor):
            return [v if v == chess_rules.CHECKMATE else None for v in found]
        known = self.tablebase.verdicts(board, moves) if self.tablebase else None
        if known is None:
            return found
        exact = [v if v is not None and not v.ceiling else None for v in found]
        return [mine or theirs for mine, theirs in zip(exact, known, strict=True)]


def _apply(
    verdicts: Sequence[Verdict | None], values: np.ndarray, expected: np.ndarray, bins: ValueBins
) -> tuple[np.ndarray, np.ndarray]:
    """Distributions [M, K] and win probabilities [M], with verdicts replacing estimates."""
    distributions, win_probs = np.array(values, np.float32), np.array(expected, np.float64)
    for i, verdict in enumerate(verdicts):
        if verdict is None or (verdict.ceiling and win_probs[i] <= verdict.win_prob):
            continue
        distributions[i] = two_hot(bins.bin_value_of(verdict.win_prob), bins)
        win_probs[i] = verdict.win_prob
    return distributions, win_probs


def require_win_probs(predictor: ActionValues) -> None:
    """Raise InputError if a network does not predict win probabilities."""
    if not gives_win_probs(predictor):
        raise InputError(
            "expected a network that gives win probabilities, found one of the target "
            "'behavioral-cloning', which only knows moves; it plays in 'argmax uci', 'match' and "
            "'puzzles'"
        )
