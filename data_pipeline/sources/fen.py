"""FEN and EPD lists: one position a line."""

import functools

from data_pipeline.dataset.records import PositionRecord
from data_pipeline.sources.entries import Reader, parse_fen, read_lines, unscored


def parse_fen_line(line: bytes) -> PositionRecord | None:
    """A line of a FEN or EPD list -> a record without moves; empty lines and # comments -> None."""
    text = line.decode("ascii", "replace").strip()
    if not text or text.startswith("#"):
        return None
    board, clocks = parse_fen(text)
    return unscored(board, clocks=clocks)


read_fens: Reader = functools.partial(read_lines, parse=parse_fen_line)
"""FEN and EPD lists (.fen, .epd, .txt, also .zst)."""
