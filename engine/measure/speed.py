"""Speed of networks: time per move, compared with one sequence at a time and with the machine's
peak rate of matrix products. Each network is measured in a separate process (`measure_apart`)."""

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from engine.match.openings import read_openings
from engine.measure.options import Plan
from model.config import PRESETS, BoardConfig, NetworkConfig, SequenceConfig

SHIPPED = "argmax"
LOOP = "9M"
"""The `sequence` network that `board` networks are compared with, run one sequence at a time."""
VARIANTS: dict[str, NetworkConfig] = {
    "board-9M": BoardConfig(width=384, heads=12, layers=5, decoder_layers=2),
    "9M-causal": SequenceConfig(causal=True),
}
"""Networks besides the presets. board-9M: architecture `board`, three times as wide as the shipped
network, with two decoder layers and so many trunk layers that it has about as many parameters as
9M. 9M-causal: 9M with a causal mask, so that all moves of a position share its board."""

MIN_POSITIONS = 3
GROUP = 128  # positions per batched request


@dataclass(frozen=True)
class Spread:
    """The median of a figure over positions or requests, and its 5 % and 95 % quantiles."""

    median: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(values: Sequence[float], unit: float = 1.0) -> "Spread":
        """At least one value -> their spread, times ``unit``."""
        low, median, high = (np.percentile(values, [5, 50, 95]) * unit).tolist()
        return Spread(median, low, high, len(values))


@dataclass(frozen=True)
class Speed:
    """The figures of one network. A `move` stands for a position with all its legal moves."""

    network: str
    layout: str
    dtype: str
    parameters: int
    weights_mib: float
    peak_memory_mib: float | None
    """Peak memory of a process with this network only; None if the system does not report it."""
    ms_per_move: Spread
    loop: str
    """The network that was run one sequence at a time, for comparison."""
    loop_ms_per_move: Spread
    ratio_to_loop: Spread
    gflop_per_move: Spread
    """Not counting padding."""
    gflop_per_second: Spread
    matmul_peak_gflop_per_second: float
    matmul_gflop_per_second: Spread
    share_of_peak: Spread
    positions_per_second: Spread
    """In large batches."""
    puzzles_per_second: Spread | None = field(default=None)


def sample(count: int, seed: int, file: Path | None = None) -> list[chess.Board]:
    """``count`` positions from a file, or by default 8 to 40 random half-moves after known
    openings."""
    rng = np.random.default_rng(seed)
    fens = read_openings(file)
    if file is not None:
        return [chess.Board(fen) for fen in fens[:count]]
    boards: list[chess.Board] = []
    while len(boards) < count:
        board = chess.Board(fens[len(boards) % len(fens)])
        for _ in range(rng.integers(8, 41)):
            moves = list(board.legal_moves)
            if not moves:
                break
            board.push(moves[rng.integers(len(moves))])
        if any(board.legal_moves):
            boards.append(board)
    return boards


def measure_apart(name: str, plan: Plan) -> Speed:
    """`measure` in a new process, so that its memory is that of this network alone."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return pool.submit(measure, name, plan).result()


def measure(name: str, plan: Plan) -> Speed:
    """Time one network. Raises InputError for an unknown name, file or preset."""
    from engine.measure import compute_cost as speed
    from engine.play.loading import predictor_of
    from model.training.runtime import keep_freed_memory

    keep_freed_memory()
    network = open_network(name)
    if network.config.target != "action-value":
        raise InputError(f"expected a network of action values, found {network.config.target}")
    boards = sample(plan.positions, plan.seed, plan.file)
    products = speed.matmul_rates()
    predictor = predictor_of(network, warm=1)
    seconds = list(_timed(predictor, boards, plan.seconds))
    group = max(1, min(GROUP, int(plan.seconds / 4 / np.median(seconds))))
    batched = _rates(lambda some: _values(predictor, some), boards, group, plan.seconds)
    solved = _puzzle_rates(predictor, plan, group) if plan.puzzles else []
    memory = speed.peak_memory()
    rival = name if isinstance(network.config, SequenceConfig) else LOOP
    loop = speed.OneByOne(network if rival == name else open_network(rival))
    _values(loop, boards[:1])
    loop_seconds = list(_timed(loop, boards, plan.seconds))
    products += speed.matmul_rates()
    peak = max(products)
    flop = [speed.flop_of(network.config, b.legal_moves.count()) for b in boards[: len(seconds)]]
    achieved = [count / taken for count, taken in zip(flop, seconds, strict=True)]
    ratios = [slow / fast for slow, fast in zip(loop_seconds, seconds, strict=False)]
    return Speed(
        network=name,
        layout=network.config.layout,
        dtype=predictor.dtype,
        parameters=network.parameter_count,
        weights_mib=network.parameter_count * 4 / 2**20,
        peak_memory_mib=None if memory is None else memory / 2**20,
        ms_per_move=Spread.of(seconds, 1e3),
        loop=rival,
        loop_ms_per_move=Spread.of(loop_seconds, 1e3),
        ratio_to_loop=Spread.of(ratios),
        gflop_per_move=Spread.of(flop, 1e-9),
        gflop_per_second=Spread.of(achieved, 1e-9),
        matmul_peak_gflop_per_second=peak * 1e-9,
        matmul_gflop_per_second=Spread.of(products, 1e-9),
        share_of_peak=Spread.of(achieved, 1 / peak),
        positions_per_second=Spread.of(batched),
        puzzles_per_second=Spread.of(solved) if solved else None,
    )


def open_network(name: str):
    """The shipped network, one with random weights from a preset or variant, or one from a file."""
    from engine.networks import shipped_network
    from model.network.architecture import init_params
    from model.network.network_file import Network, load_network

    if name == SHIPPED:
        return load_network(shipped_network())
    if name in VARIANTS or name in PRESETS:
        config = VARIANTS[name] if name in VARIANTS else PRESETS[name].network
        return Network(config, init_params(config, seed=0), name=name)
    if not Path(name).is_file():
        known = ", ".join([SHIPPED, *VARIANTS, *PRESETS])
        raise InputError(f"expected a network file or one of {known}, found {name!r}")
    return load_network(name)


def _values(predictor, boards: Sequence[chess.Board]) -> object:
    return predictor.action_values(boards, [list(board.legal_moves) for board in boards])


def _timed(predictor, boards: Sequence[chess.Board], budget: float) -> Iterator[float]:
    """Seconds for each position, one at a time, until ``budget`` seconds are spent."""
    began = time.perf_counter()
    for number, board in enumerate(boards):
        start = time.perf_counter()
        if number >= MIN_POSITIONS and start - began > budget:
            return
        _values(predictor, [board])
        yield time.perf_counter() - start


def _rates(
    work: Callable[[Sequence], object], things: Sequence, group: int, budget: float
) -> list[float]:
    """Things per second in each request of ``group`` things; the first, which compiles, is left
    out."""
    whole = len(things) - len(things) % group
    requests = [things[at : at + group] for at in range(0, whole, group)] or [things]
    work(requests[0])
    rates: list[float] = []
    began = time.perf_counter()
    for some in itertools.cycle(requests):
        start = time.perf_counter()
        if rates and start - began > budget:
            return rates
        work(some)
        rates.append(len(some) / (time.perf_counter() - start))
    return rates


def _puzzle_rates(predictor, plan: Plan, group: int) -> list[float]:
    from engine.measure.puzzles import read_puzzles, solve
    from engine.play.engine import SearchlessEngine

    engine = SearchlessEngine(predictor)
    assert plan.puzzles is not None
    puzzles, _ = read_puzzles([plan.puzzles], limit=8 * group)
    return _rates(lambda some: solve(some, engine), puzzles, group, plan.seconds)
