"""Openings to start games from: EPD or FEN lines, plain or .zst. A small set is built in."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.common.files import numbered_lines
from data_pipeline.sources.fen import faults_of, read_fen

BUILT_IN = Path(__file__).with_name("openings.epd")


def read_openings(path: str | Path | None = None) -> list[str]:
    """FENs in the order of the file; None reads the built-in set.

    Raises InputError for an illegal position, with its line, and for a file without openings.
    """
    path = BUILT_IN if path is None else path
    fens = list(_fens(path))
    if not fens:
        raise InputError(f"expected openings (EPD or FEN, one per line), found none in {path}")
    return fens


def _fens(path: str | Path) -> Iterator[str]:
    for number, line in numbered_lines(path):
        text = line.decode("utf-8", "replace").strip()
        if not text or text.startswith("#"):
            continue
        try:
            fen = _position(text)
        except ValueError as error:
            raise InputError(f"expected an EPD or FEN in {path}:{number}, found: {error}") from None
        yield fen


def _position(text: str) -> str:
    """A line -> the FEN of a position in which the game is not over."""
    found = read_fen(text)
    if found.chess960:
        raise ValueError(f"Chess960 castling, which is not played here: {text}")
    faults = faults_of(found.board) or ("" if any(found.board.legal_moves) else "the game is over")
    if faults:
        raise ValueError(f"no position to play from ({faults}): {text}")
    return found.board.fen()


def choose_openings(fens: list[str], count: int, seed: int) -> list[str]:
    """``count`` openings in a random order; all are used once before any is used again."""
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += [fens[i] for i in rng.permutation(len(fens))]
    return chosen[:count]
