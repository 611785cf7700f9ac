"""Where the time of a move goes, stage by stage, and how far each stage is from what the machine
could do: its floating-point operations at the rate of large matrix products, its bytes at the rate
of large copies."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import chess
import haiku as hk
import jax
import numpy as np

from data_pipeline.batches.board_batches import Inputs, make_inputs
from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import ValueBins
from engine.measure.compute_cost import flop_count, matmul_rates
from engine.measure.options import Plan
from engine.measure.speed import Spread, open_network, sample
from engine.play import rules
from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine
from model.config import BoardConfig
from model.inference.board_predictor import BoardPredictor
from model.network.architecture import transformed
from model.network.board_transformer import trunk
from model.network.network_file import Network, Params
from model.training.runtime import keep_freed_memory

_COPIED = 1 << 26
Render = Callable[[Analysis, chess.Move], object]


@dataclass(frozen=True)
class Stage:
    """A part of the work for a move."""

    name: str
    ms: Spread
    limit_ms: float | None = None
    """The least time on this machine, by operations or by bytes, for the position with the median
    number of moves; None if the work has no such limit."""


@dataclass(frozen=True)
class MoveProfile:
    """The stages of a move, one after another."""

    network: str
    stages: list[Stage]
    whole_ms: Spread
    """The whole move, without looking at the stages."""
    product_gflop_per_second: float
    copy_gb_per_second: float


@dataclass(frozen=True)
class _Known:
    """Values that are known beforehand, as a predictor."""

    values: np.ndarray
    bins: ValueBins
    gives_win_probs: bool = True

    def action_values(
        self, boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]
    ) -> list[np.ndarray]:
        return [self.values]


def profile_move(name: str, plan: Plan, render: Render) -> MoveProfile:
    """Time the stages of a move for the positions of ``plan``, as many as its seconds allow.

    ``render``: writes the answer to a ``go``. Raises InputError for a network that is not of the
    architecture `board` with the target action-value.
    """
    keep_freed_memory()
    network = open_network(name)
    config = network.config
    if not BoardPredictor.computes(config):
        raise InputError(
            "expected a network of the architecture 'board' with the target 'action-value' for a "
            f"profile, found '{config.architecture}' and '{config.target}'"
        )
    boards = sample(plan.positions, plan.seed, plan.file)
    rate, copies = max(matmul_rates()), copy_rate()
    timer = _MoveTimer(network, render)
    timer.times(boards[0])  # so that modules are imported and memory is there
    rows: list[dict[str, float]] = []
    began = time.perf_counter()
    for board in boards:
        if rows and time.perf_counter() - began > plan.seconds:
            break
        rows.append(timer.times(board))
    moves = sorted(boards[: len(rows)], key=lambda board: board.legal_moves.count())
    limits = timer.limits(moves[len(moves) // 2], rate, copies)
    spreads = {stage: Spread.of([row[stage] for row in rows], 1e3) for stage in rows[0]}
    whole = spreads.pop("whole")
    stages = [Stage(stage, ms, limits.get(stage)) for stage, ms in spreads.items()]
    return MoveProfile(name, stages, whole, rate * 1e-9, copies * 1e-9)


def copy_rate(repeats: int = 5) -> float:
    """Bytes per second, read and written, of the fastest of some large copies."""
    source, target = np.ones(_COPIED, np.uint8), np.zeros(_COPIED, np.uint8)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * _COPIED / best


class _MoveTimer:
    def __init__(self, network: Network, render: Render) -> None:
        assert isinstance(network.config, BoardConfig)
        self.network, self.config, self.render = network, network.config, render
        self.predictor = BoardPredictor(network)

    def times(self, board: chess.Board) -> dict[str, float]:
        """Stage -> seconds; the stage `whole` is the whole move."""
        marks = [time.perf_counter()]

        def mark(result: Any) -> Any:
            marks.append(time.perf_counter())
            return result

        moves = mark(list(board.legal_moves))
        inputs = mark(self._inputs(board, moves))
        squares = mark(self.predictor.network_pass.squares(inputs))
        (values,) = mark(self.predictor.network_pass.moves(squares, inputs))
        mark(rules.verdicts(board, moves))
        engine = SearchlessEngine(_Known(values, self.predictor.bins))
        analysis = engine.analyse(board, moves)
        best = mark(engine.choose(analysis))
        mark(self.render(analysis, best))
        SearchlessEngine(self.predictor).play(board)
        mark(None)
        took = [after - before for before, after in pairwise(marks)]
        legal, made, of_squares, of_moves, verdicts, chosen, written, whole = took
        return {
            "legal moves": legal,
            "inputs of the network": made,
            "network: the squares": of_squares,
            "network: the moves": of_moves,
            "rules": verdicts,
            "choice": max(0.0, chosen - verdicts),
            "text of the answer": written,
            "whole": whole,
        }

    def limits(self, board: chess.Board, rate: float, copies: float) -> dict[str, float]:
        """Stage -> the least milliseconds by operations or bytes per second."""
        inputs = self._inputs(board, list(board.legal_moves))
        forward = hk.without_apply_rng(hk.transform(partial(trunk, self.config)))
        squares, whole = (
            flop_count(jax.jit(function.apply), self.network.params, inputs)
            for function in (forward, transformed(self.config))
        )
        of_trunk = {
            module: arrays
            for module, arrays in self.network.params.items()
            if module.startswith("trunk_")
        }
        of_moves = {m: a for m, a in self.network.params.items() if m not in of_trunk}
        return {
            "network: the squares": 1e3 * max(squares / rate, _bytes(of_trunk) / copies),
            "network: the moves": 1e3 * max((whole - squares) / rate, _bytes(of_moves) / copies),
        }

    def _inputs(self, board: chess.Board, moves: list[chess.Move]) -> Inputs:
        return make_inputs([board], [moves], len(moves), after=self.config.afterstates)


def _bytes(params: Params) -> int:
    return sum(array.nbytes for arrays in params.values() for array in arrays.values())
