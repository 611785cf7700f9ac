"""Syzygy tablebases at the root: the exact result of each legal move.

The tables are probed once for each legal move of the position on the board ("root probing"); there
is no search. DTZ, the distance to the next capture or pawn move, makes progress in won positions:
among winning moves the one with the shortest DTZ has the highest value, among losing moves the one
with the longest.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import chess
import chess.syzygy

from data_pipeline.common.errors import InputError
from engine.play.rules import FIFTY_MOVES, Verdict

DTZ_STEP = 1e-4  # win probability per half-move of DTZ: small, it only sorts moves
CURSED_STEP = 1e-3  # for a win that the 50-move rule turns into a draw, or such a loss


class Tablebase:
    """Syzygy tables from one or more folders. A context manager: the tables are open files."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises InputError if a folder has no tables."""
        self._tables = chess.syzygy.Tablebase()
        self.count = 0
        for folder in folders:
            found = self._tables.add_directory(str(folder)) if folder.is_dir() else 0
            if not found:
                self.close()
                raise InputError(f"expected a folder with Syzygy tables (.rtbw), found '{folder}'")
            self.count += found
        self.max_pieces = max(sum(map(str.isupper, table)) for table in self._tables.wdl)

    def __enter__(self) -> "Tablebase":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._tables.close()

    def verdicts(
        self, board: chess.Board, moves: Sequence[chess.Move]
    ) -> Sequence[Verdict | None] | None:
        """The verdict on each of ``moves``; None if a position is not in the tables."""
        if board.occupied.bit_count() > self.max_pieces or board.clean_castling_rights():
            return None
        after = board.copy(stack=False)
        found = []
        try:
            for move in moves:
                zeroing = after.is_zeroing(move)
                after.push(move)
                found.append(self._verdict(after, zeroing))
                after.pop()
        except KeyError:  # chess.syzygy.MissingTableError is one
            return None
        return found

    def _verdict(self, after: chess.Board, zeroing: bool) -> Verdict:
        """The verdict for the side that has just moved."""
        wdl = -self._tables.probe_wdl(after)
        distance = 1 if zeroing or after.is_checkmate() else abs(self._tables.probe_dtz(after)) + 1
        if abs(wdl) == 2 and after.halfmove_clock + distance - 1 >= FIFTY_MOVES:
            wdl //= 2  # the 50-move rule comes before this win
        if wdl == 2:
            return Verdict("tablebase win", 1 - DTZ_STEP * distance)
        if wdl == -2:
            return Verdict("tablebase loss", DTZ_STEP * distance)
        return Verdict("tablebase draw", 0.5 + CURSED_STEP * wdl)


def open_tablebase(folders: str) -> Tablebase | None:
    """Tables from a path list of folders (``a:b``, on Windows ``a;b``); None if it is empty."""
    paths = [Path(folder) for folder in folders.split(os.pathsep) if folder.strip()]
    return Tablebase(paths) if paths else None
