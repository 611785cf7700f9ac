"""Syzygy tablebases at the root: what each move leads to, where the tables know it.

The tables are asked once per legal move of the position on the board, as the Syzygy generator's
authors intend for the root ("root probing"); no move beyond is looked at. DTZ, the distance to the
next capture or pawn move, keeps a won game moving: among winning moves the one with the shortest
DTZ is worth most, among losing moves the one with the longest.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import chess
import chess.syzygy

from data_pipeline.common.errors import InputError
from engine.play.rules import FIFTY_MOVES, Verdict

DTZ_STEP = 1e-4  # win probability per half-move of DTZ: orders moves, far from any other value
CURSED_STEP = 1e-3  # a win that the 50-move rule undoes is a draw with chances


class Tablebase:
    """Syzygy tables from one or several folders. A context manager: the tables are open files."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises InputError where there are no tables in a folder."""
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
        """What each of ``moves`` leads to; None if the position or a reply is not in the tables."""
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
            wdl //= 2  # too late for this win: the 50-move rule comes first
        if wdl == 2:
            return Verdict("tablebase win", 1 - DTZ_STEP * distance)
        if wdl == -2:
            return Verdict("tablebase loss", DTZ_STEP * distance)
        return Verdict("tablebase draw", 0.5 + CURSED_STEP * wdl)


def open_tablebase(folders: str) -> Tablebase | None:
    """Tables from folders as a path list (``a:b``, on Windows ``a;b``); None where it is empty."""
    paths = [Path(folder) for folder in folders.split(os.pathsep) if folder.strip()]
    return Tablebase(paths) if paths else None
