"""The quality of a network's values on annotated positions: how they compare with the teacher's.

The bare network is measured: what the rules decide in play is not put in its place.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import compress

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.intervals import mean_interval
from data_pipeline.dataset.records import PositionRecord, decode, num_scored_moves
from data_pipeline.encoding.actions import CHESS_MOVES
from data_pipeline.encoding.phases import PHASES, phase_of
from data_pipeline.encoding.values import mate_bonus, win_probability
from model.evaluation import metrics
from model.evaluation.calibration import Calibration
from model.inference.action_values import ActionValues, estimates, gives_win_probs

CHUNK = 512  # positions that the predictor may order by their number of moves


@dataclass
class Rows:
    """One value per position, [N] each; the first six are means over the moves of the position.

    NaN where a position does not allow the figure: agreement, regret and both taus need all legal
    moves annotated, the others a network that gives win probabilities.
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
    predictor: ActionValues,
    progress: Callable[[int], None] = lambda positions: None,
) -> tuple[Rows, Calibration]:
    """Figures of every position with a scored move, and the calibration over all scored moves.

    Two threads work in turn, so that one prepares positions while the other's are in the network.
    """
    calibration = Calibration.empty()
    parts: list[Rows] = []
    for numbers, records, values in _predicted(encoded, predictor):
        if records:
            parts.append(_measure_chunk(numbers, records, values, predictor, calibration))
            progress(int(numbers[-1]) + 1)
    if not parts:
        raise InputError("expected positions with scored moves, found none")
    return Rows.join(parts), calibration


def first_scored(encoded: Sequence[bytes], count: int) -> list[bytes]:
    """The first ``count`` records, or none where not one of them has a scored move."""
    rows = [encoded[i] for i in range(min(len(encoded), count))]
    return rows if any(map(num_scored_moves, rows)) else []


def _predicted(
    encoded: Sequence[bytes], predictor: ActionValues
) -> Iterator[tuple[np.ndarray, list[PositionRecord], list[np.ndarray]]]:
    """Chunks: the numbers of the records, the records, the values of their moves by action id."""

    def predict(start: int) -> tuple[np.ndarray, list[PositionRecord], list[np.ndarray]]:
        numbers = np.arange(start, min(start + CHUNK, len(encoded)))
        rows = [decode(encoded[i]) for i in numbers.tolist()]
        scored = [len(row.actions) > 0 for row in rows]
        numbers, rows = numbers[scored], list(compress(rows, scored))
        moves = [[CHESS_MOVES[a] for a in np.sort(row.actions).tolist()] for row in rows]
        return numbers, rows, predictor.action_values([row.board for row in rows], moves)

    with ThreadPoolExecutor(2) as pool:
        ahead: deque[Future] = deque()
        for start in range(0, len(encoded), CHUNK):
            ahead.append(pool.submit(predict, start))
            if len(ahead) > 3:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _measure_chunk(
    numbers: np.ndarray,
    records: list[PositionRecord],
    values: list[np.ndarray],
    predictor: ActionValues,
    calibration: Calibration,
) -> Rows:
    """Moves are taken in the order of their action ids: the records' own order, best first, would
    give a network that cannot decide between moves the right one for nothing."""
    bins, win_probs_given = predictor.bins, gives_win_probs(predictor)
    lengths = np.array([len(record.actions) for record in records])
    legal = np.arange(lengths.max()) < lengths[:, None]
    teacher = np.zeros(legal.shape, np.float32)
    scores = np.concatenate([r.scores[np.argsort(r.actions)] for r in records])
    teacher[legal] = win_probability(scores)
    flat = np.concatenate(values)
    predicted = np.zeros(legal.shape, np.float32)
    predicted[legal] = estimates(flat, predictor)
    preferred = predicted.copy()  # what moves are chosen by
    if win_probs_given:
        nearness = np.zeros(legal.shape)
        nearness[legal] = bins.nearness(flat)
        preferred += mate_bonus(predicted, nearness)
    teacher_bins = bins.bin_of(bins.bin_values_of_scores(scores))
    owners = np.repeat(numbers, lengths)
    if win_probs_given:
        calibration.add(predicted[legal], flat, teacher[legal], teacher_bins, owners)

    def mean(per_move: np.ndarray) -> np.ndarray:
        if not win_probs_given:
            return np.full(len(lengths), np.nan)
        return np.add.reduceat(per_move, np.r_[0, lengths.cumsum()[:-1]]) / lengths

    complete = np.array([record.complete for record in records])
    reference = [
        metrics.reference_kendall_tau(preferred[i, :n], teacher[i, :n]) if complete[i] else np.nan
        for i, n in enumerate(lengths)
    ]

    def only_complete(figure: np.ndarray) -> np.ndarray:
        return np.where(complete, figure, np.nan)

    return Rows(
        squared_error=mean(metrics.squared_error(teacher[legal], predicted[legal])),
        log_loss=mean(metrics.log_loss(flat, teacher_bins)),
        crps=mean(metrics.crps(flat, bins.win_prob_of(bins.edges), teacher[legal])),
        agreement=only_complete(metrics.agreement(teacher, preferred, legal)),
        regret=only_complete(metrics.regret(teacher, preferred, legal)),
        kendall_tau_b=only_complete(metrics.kendall_tau_b(preferred, teacher, legal)),
        reference_kendall_tau=np.array(reference),
        moves=lengths,
        pieces=np.array([record.board.occupied.bit_count() for record in records]),
        phase=np.array([phase_of(record.board) for record in records]),
        position=numbers,
    )


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
