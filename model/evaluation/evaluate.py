"""Evaluation of a network on annotated positions: how its values compare with the teacher's.

The network alone is measured: moves whose value the rules decide are not treated as in play.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import compress
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import mean_interval
from data_pipeline.dataset.records import PositionRecord, decode, num_scored_moves
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.phases import PHASES, phase_of
from data_pipeline.encoding.values import ValueBins, mate_bonus, win_probability
from model.evaluation import metrics
from model.evaluation.calibration import Calibration
from model.inference.action_values import ActionValues, estimates, gives_win_probs

CHUNK = 512  # positions that the predictor may order by their number of moves


class Predictions(NamedTuple):
    """What is predicted of T moves, those of one position after those of another."""

    estimates: np.ndarray
    """[T]: expected win probabilities of the side to move, or how likely each move is played."""
    distributions: np.ndarray | None
    """[T, K] over ``bins``; None where only the estimates are predicted."""
    bins: ValueBins
    are_win_probs: bool = True
    """Whether the estimates are win probabilities."""


Predict = Callable[[Sequence[chess.Board], Sequence[Sequence[chess.Move]]], Predictions]
"""Positions and some moves of each -> predictions of these moves."""


@dataclass
class Rows:
    """One value per position, [N] each; the first six are means over the moves of the position.

    NaN where a position does not allow the figure: agreement, regret and both taus need all legal
    moves annotated, the squared error predicted win probabilities, log loss and CRPS predicted
    distributions.
    """

    squared_error: np.ndarray
    log_loss: np.ndarray
    crps: np.ndarray
    agreement: np.ndarray
    regret: np.ndarray
    kendall_tau_b: np.ndarray
    reference_kendall_tau: np.ndarray
    moves: np.ndarray
    pieces: np.ndarray
    phase: np.ndarray
    position: np.ndarray
    """Its number among the encoded records."""

    def take(self, kept: np.ndarray) -> "Rows":
        """The positions where ``kept: [N] bool`` says so."""
        return Rows(*(getattr(self, field.name)[kept] for field in fields(self)))

    @staticmethod
    def join(parts: Sequence["Rows"]) -> "Rows":
        """All positions of the parts, in order."""
        names = [field.name for field in fields(Rows)]
        return Rows(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


PLAIN = ("moves", "pieces", "phase", "position")
FIGURES = tuple(f.name for f in fields(Rows) if f.name not in PLAIN)


def measure(
    encoded: Sequence[bytes],
    source: ActionValues,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[Rows, Calibration]:
    """`measure_predictions` of a network that gives action values."""
    return measure_predictions(encoded, partial(_read, source), progress)


def measure_predictions(
    encoded: Sequence[bytes],
    predict: Predict,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[Rows, Calibration]:
    """Figures of every position with a scored move, and the calibration over all scored moves.

    Two threads work in turn: one prepares positions while the other's are in the network.
    """
    calibration = Calibration.empty()
    parts: list[Rows] = []
    for numbers, records, predictions in _predicted(encoded, predict):
        if records:
            parts.append(_measure_chunk(numbers, records, predictions, calibration))
            progress(int(numbers[-1]) + 1)
    if not parts:
        raise InputError("expected positions with scored moves, found none")
    return Rows.join(parts), calibration


def _read(
    source: ActionValues, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
) -> Predictions:
    nothing = np.zeros((0, source.bins.count), np.float32)
    values = np.concatenate([nothing, *source.action_values(boards, moves)])
    expected = estimates(values, source).astype(np.float32)
    if not gives_win_probs(source):
        return Predictions(expected, None, source.bins, are_win_probs=False)
    return Predictions(expected, values, source.bins)


def first_scored(encoded: Sequence[bytes], count: int) -> list[bytes]:
    """The first ``count`` records, or none where not one of them has a scored move."""
    rows = [encoded[i] for i in range(min(len(encoded), count))]
    return rows if any(map(num_scored_moves, rows)) else []


def _predicted(
    encoded: Sequence[bytes], predict: Predict
) -> Iterator[tuple[np.ndarray, list[PositionRecord], Predictions]]:
    """Chunks: the numbers of the records, the records, what is predicted of their moves.

    Moves are taken in the order of their action ids: in the order of the records, best first, a
    network that cannot decide between moves would choose the right one.
    """

    def of_chunk(start: int) -> tuple[np.ndarray, list[PositionRecord], Predictions]:
        numbers = np.arange(start, min(start + CHUNK, len(encoded)))
        rows = [decode(encoded[i]) for i in numbers.tolist()]
        scored = [len(row.actions) > 0 for row in rows]
        numbers, rows = numbers[scored], list(compress(rows, scored))
        moves = [[CHESS_MOVES[a] for a in np.sort(row.actions).tolist()] for row in rows]
        return numbers, rows, predict([row.board for row in rows], moves)

    with ThreadPoolExecutor(2) as pool:
        ahead: deque[Future] = deque()
        for start in range(0, len(encoded), CHUNK):
            ahead.append(pool.submit(of_chunk, start))
            if len(ahead) > 3:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _measure_chunk(
    numbers: np.ndarray,
    records: list[PositionRecord],
    predictions: Predictions,
    calibration: Calibration,
) -> Rows:
    """The figures of some positions; their moves are added to ``calibration``."""
    estimates, distributions, bins, are_win_probs = predictions
    lengths = np.array([len(record.actions) for record in records])
    # Rows of a multiple of 8: sums do not depend on the padding.
    legal = np.arange(-(-lengths.max() // 8) * 8) < lengths[:, None]
    scores = np.concatenate([r.scores[np.argsort(r.actions)] for r in records])
    teacher, preferred = (np.zeros(legal.shape, np.float32) for _ in range(2))
    teacher[legal], preferred[legal] = win_probability(scores), estimates
    if distributions is not None:
        nearness = np.zeros(legal.shape)
        nearness[legal] = bins.nearness(distributions)
        preferred += mate_bonus(preferred, nearness)
    teacher_bins = bins.bin_of(bins.bin_values_of_scores(scores))
    if are_win_probs:
        owners = np.repeat(numbers, lengths)
        calibration.add(estimates, distributions, teacher[legal], teacher_bins, owners)

    complete = np.array([record.complete for record in records])
    reference = [
        metrics.reference_kendall_tau(preferred[i, :n], teacher[i, :n]) if complete[i] else np.nan
        for i, n in enumerate(lengths)
    ]

    def only_complete(figure: np.ndarray) -> np.ndarray:
        return np.where(complete, figure, np.nan)

    return Rows(
        **_means_over_moves(predictions, teacher[legal], teacher_bins, legal),
        agreement=only_complete(metrics.agreement(teacher, preferred, legal)),
        regret=only_complete(metrics.regret(teacher, preferred, legal)),
        kendall_tau_b=only_complete(metrics.kendall_tau_b(preferred, teacher, legal)),
        reference_kendall_tau=np.array(reference),
        moves=lengths,
        pieces=np.array([record.board.occupied.bit_count() for record in records]),
        phase=np.array([phase_of(record.board) for record in records]),
        position=numbers,
    )


def _means_over_moves(
    predictions: Predictions, teacher: np.ndarray, teacher_bins: np.ndarray, legal: np.ndarray
) -> dict[str, np.ndarray]:
    """The teacher's win probabilities and bins [T], whose move is where [N, M] -> figures [N]."""
    estimates, distributions, bins, are_win_probs = predictions

    def mean(per_move: np.ndarray) -> np.ndarray:
        padded = np.zeros(legal.shape, per_move.dtype)
        padded[legal] = per_move
        return padded.sum(axis=-1) / legal.sum(axis=-1)

    none = np.full(len(legal), np.nan)
    figures = {"squared_error": none, "log_loss": none, "crps": none}
    if are_win_probs:
        figures["squared_error"] = mean(metrics.squared_error(teacher, estimates))
    if distributions is not None:
        edges = bins.win_prob_of(bins.edges)
        figures["log_loss"] = mean(metrics.log_loss(distributions, teacher_bins))
        figures["crps"] = mean(metrics.crps(distributions, edges, teacher))
    return figures


def summary(rows: Rows, calibration: Calibration) -> dict:
    """The figures as a JSON object, each with its 95 % interval; by phase and by piece count."""
    figures = _means(rows)
    figures["calibration_error"] = figures["intervals_95"]["calibration_error"] = None
    if calibration.reliability.any():
        figures["calibration_error"], *interval = calibration.error()
        figures["intervals_95"]["calibration_error"] = interval
    groups = {name: rows.phase == i for i, name in enumerate(PHASES)}
    pieces = {f"{a}-{a + 3}": (rows.pieces >= a) & (rows.pieces < a + 4) for a in range(1, 33, 4)}
    return {
        "positions": len(rows.moves),
        "complete_positions": int((~np.isnan(rows.agreement)).sum()),
        "moves": int(rows.moves.sum()),
        **figures,
        "by_phase": _groups(rows, groups),
        "by_pieces": _groups(rows, pieces),
        "reliability": calibration.curve(),
        "pit_histogram": calibration.pit_histogram().tolist(),
    }


def _groups(rows: Rows, groups: dict[str, np.ndarray]) -> dict[str, dict]:
    return {
        name: {"positions": int(kept.sum()), **_means(rows.take(kept))}
        for name, kept in groups.items()
        if kept.any()
    }


def _means(rows: Rows) -> dict:
    """Every position weighs the same. None where no position allows a figure."""
    found = {name: mean_interval(getattr(rows, name)) for name in FIGURES}
    usable = {name: np.isfinite(values).all() for name, values in found.items()}
    return {
        **{name: values[0] if usable[name] else None for name, values in found.items()},
        "intervals_95": {n: list(v[1:]) if usable[n] else None for n, v in found.items()},
    }
