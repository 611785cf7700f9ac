"""Evaluation of a network on annotated positions, against the teacher's values.

The network alone is measured, without the engine's rules for moves that end the game.
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

CHUNK = 512  # positions at a time; the predictor sorts them by their number of moves


class Predictions(NamedTuple):
    """Predictions for T moves: all moves of the first position, then those of the next, and so
    on."""

    estimates: np.ndarray
    """[T]: expected win probability for the side to move, or probability that the move is
    played."""
    distributions: np.ndarray | None
    """[T, K] over ``bins``; None if only the estimates are predicted."""
    bins: ValueBins
    are_win_probs: bool = True
    """Whether the estimates are win probabilities."""


Predict = Callable[[Sequence[chess.Board], Sequence[Sequence[chess.Move]]], Predictions]
"""Positions and moves of each -> predictions for these moves."""


@dataclass
class PositionFigures:
    """Figures of N positions, [N] each; the first three are means over the position's moves.

    NaN if a figure is not defined for a position: agreement, regret and both taus need scores of
    all legal moves, squared error needs predicted win probabilities, log loss and CRPS need
    predicted distributions.
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
    """Its index among the encoded records."""

    def take(self, mask: np.ndarray) -> "PositionFigures":
        """The positions selected by ``mask: [N] bool``."""
        return PositionFigures(*(getattr(self, field.name)[mask] for field in fields(self)))

    @classmethod
    def join(cls, parts: Sequence["PositionFigures"]) -> "PositionFigures":
        """All positions of the parts, in order."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


ATTRIBUTES = ("moves", "pieces", "phase", "position")
FIGURES = tuple(f.name for f in fields(PositionFigures) if f.name not in ATTRIBUTES)


def measure(
    encoded: Sequence[bytes],
    source: ActionValues,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[PositionFigures, Calibration]:
    """`measure_predictions` for a network that gives action values."""
    return measure_predictions(encoded, partial(_predict, source), progress)


def measure_predictions(
    encoded: Sequence[bytes],
    predict: Predict,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[PositionFigures, Calibration]:
    """Figures of every position with a scored move, and the calibration over all scored moves.

    Two threads alternate: one prepares positions while the other runs the network. Raises
    InputError if no position has a scored move.
    """
    calibration = Calibration.empty()
    parts: list[PositionFigures] = []
    for indices, records, predictions in _predicted(encoded, predict):
        if records:
            parts.append(_measure_chunk(indices, records, predictions, calibration))
            progress(int(indices[-1]) + 1)
    if not parts:
        raise InputError("expected positions with scored moves, found none")
    return PositionFigures.join(parts), calibration


def _predict(
    source: ActionValues, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
) -> Predictions:
    nothing = np.zeros((0, source.bins.count), np.float32)
    values = np.concatenate([nothing, *source.action_values(boards, moves)])
    expected = estimates(values, source).astype(np.float32)
    if not gives_win_probs(source):
        return Predictions(expected, None, source.bins, are_win_probs=False)
    return Predictions(expected, values, source.bins)


def first_scored(encoded: Sequence[bytes], count: int) -> list[bytes]:
    """The first ``count`` records; an empty list if none of them has a scored move."""
    records = [encoded[i] for i in range(min(len(encoded), count))]
    return records if any(map(num_scored_moves, records)) else []


def _predicted(
    encoded: Sequence[bytes], predict: Predict
) -> Iterator[tuple[np.ndarray, list[PositionRecord], Predictions]]:
    """In chunks: the indices of the records, the records, and the predictions for their moves.

    Moves are in the order of their action ids. Records have the best move first; in that order, a
    network that gives equal values would be credited with the best move.
    """

    def of_chunk(start: int) -> tuple[np.ndarray, list[PositionRecord], Predictions]:
        indices = np.arange(start, min(start + CHUNK, len(encoded)))
        records = [decode(encoded[i]) for i in indices.tolist()]
        scored = [len(record.actions) > 0 for record in records]
        indices, records = indices[scored], list(compress(records, scored))
        moves = [[CHESS_MOVES[a] for a in np.sort(record.actions).tolist()] for record in records]
        return indices, records, predict([record.board for record in records], moves)

    with ThreadPoolExecutor(2) as pool:
        ahead: deque[Future] = deque()
        for start in range(0, len(encoded), CHUNK):
            ahead.append(pool.submit(of_chunk, start))
            if len(ahead) > 3:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _measure_chunk(
    indices: np.ndarray,
    records: list[PositionRecord],
    predictions: Predictions,
    calibration: Calibration,
) -> PositionFigures:
    """The figures of some positions; adds their moves to ``calibration``."""
    estimates, distributions, bins, are_win_probs = predictions
    lengths = np.array([len(record.actions) for record in records])
    # Padded to a multiple of 8, so that floating-point sums do not depend on the padding.
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
        positions = np.repeat(indices, lengths)
        calibration.add(estimates, distributions, teacher[legal], teacher_bins, positions)

    complete = np.array([record.complete for record in records])
    reference = [
        metrics.reference_kendall_tau(preferred[i, :n], teacher[i, :n]) if complete[i] else np.nan
        for i, n in enumerate(lengths)
    ]

    def only_complete(figure: np.ndarray) -> np.ndarray:
        return np.where(complete, figure, np.nan)

    return PositionFigures(
        **_means_over_moves(predictions, teacher[legal], teacher_bins, legal),
        agreement=only_complete(metrics.agreement(teacher, preferred, legal)),
        regret=only_complete(metrics.regret(teacher, preferred, legal)),
        kendall_tau_b=only_complete(metrics.kendall_tau_b(preferred, teacher, legal)),
        reference_kendall_tau=np.array(reference),
        moves=lengths,
        pieces=np.array([record.board.occupied.bit_count() for record in records]),
        phase=np.array([phase_of(record.board) for record in records]),
        position=indices,
    )


def _means_over_moves(
    predictions: Predictions, teacher: np.ndarray, teacher_bins: np.ndarray, legal: np.ndarray
) -> dict[str, np.ndarray]:
    """The figures [N] that are means over a position's moves.

    teacher, teacher_bins: [T], win probabilities and bins of the teacher; legal: [N, M] bool, the
    position that each of the T moves belongs to.
    """
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


def summary(positions: PositionFigures, calibration: Calibration) -> dict:
    """All figures as a JSON object, with 95 % intervals; also by game phase and piece count."""
    figures = _means(positions)
    figures["calibration_error"] = figures["intervals_95"]["calibration_error"] = None
    if calibration.reliability.any():
        figures["calibration_error"], *interval = calibration.error()
        figures["intervals_95"]["calibration_error"] = interval
    phases = {name: positions.phase == i for i, name in enumerate(PHASES)}
    ranges = {f"{a}-{a + 3}": (a, a + 3) for a in range(1, 33, 4)}
    pieces = {
        name: (positions.pieces >= low) & (positions.pieces <= high)
        for name, (low, high) in ranges.items()
    }
    return {
        "positions": len(positions.moves),
        "complete_positions": int((~np.isnan(positions.agreement)).sum()),
        "moves": int(positions.moves.sum()),
        **figures,
        "by_phase": _groups(positions, phases),
        "by_pieces": _groups(positions, pieces),
        "reliability": calibration.curve(),
        "pit_histogram": calibration.pit_histogram().tolist(),
    }


def _groups(positions: PositionFigures, groups: dict[str, np.ndarray]) -> dict[str, dict]:
    return {
        name: {"positions": int(mask.sum()), **_means(positions.take(mask))}
        for name, mask in groups.items()
        if mask.any()
    }


def _means(positions: PositionFigures) -> dict:
    """Means over positions, with intervals; None if a figure is defined for no position."""
    found = {name: mean_interval(getattr(positions, name)) for name in FIGURES}
    usable = {name: np.isfinite(values).all() for name, values in found.items()}
    return {
        **{name: values[0] if usable[name] else None for name, values in found.items()},
        "intervals_95": {n: list(v[1:]) if usable[n] else None for n, v in found.items()},
    }
