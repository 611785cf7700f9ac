"""Positions requested at the same time share a pass of the network."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import chess

from engine.play.analysis import Analysis
from engine.play.engine import SearchlessEngine

AT_ONCE = 8
"""Most positions in a pass."""

Result = TypeVar("Result")


class Worker:
    """The only thread that computes, so that requests do not compete for CPU cores."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "network")

    async def run(self, call: Callable[..., Result], *args: object) -> Result:
        """Run ``call(*args)`` on the thread, after earlier calls."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    def close(self) -> None:
        """Drop calls that have not started."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class SharedPasses:
    """Analyses positions; those requested while a pass is running share the next one."""

    def __init__(self, engine: SearchlessEngine, worker: Worker) -> None:
        self._engine, self._worker = engine, worker
        self._waiting: list[tuple[chess.Board, asyncio.Future[Analysis]]] = []
        self._running: asyncio.Task | None = None

    async def analyse(self, board: chess.Board) -> Analysis:
        """As `SearchlessEngine.analyse`; the position must have a legal move."""
        future: asyncio.Future[Analysis] = asyncio.get_running_loop().create_future()
        self._waiting.append((board, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            boards = [board for board, _ in some]
            try:
                found = await self._worker.run(self._engine.analyse_many, boards)
            except Exception as error:  # passed on to all who wait
                for _, future in some:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), analysis in zip(some, found, strict=True):
                if not future.done():  # the client may have disconnected
                    future.set_result(analysis)
