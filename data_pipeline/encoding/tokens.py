"""FEN <-> the reference's 77 tokens (Ruoss et al. 2024, ``searchless_chess/src/tokenizer.py``).

Side to move (1), the board from a8 to h1 (64), castling (4), en passant (2), half-move clock (3)
and full-move number (3); the last four are filled with ``.`` on the right.
"""

import itertools

import numpy as np

from data_pipeline.common.errors import InputError

CHARACTERS = "0123456789abcdefghpnrkqPBNRQKw."
SEQUENCE_LENGTH = 77
_TOKEN = {character: token for token, character in enumerate(CHARACTERS)}
_FIELDS = (1, 64, 4, 2, 3, 3)


def tokenize(fen: str) -> np.ndarray:
    """A six-field FEN -> [77] uint8. Raises InputError where a field does not fit its tokens."""
    fields = fen.split(" ")
    if len(fields) != 6:
        raise InputError(f"expected a FEN of six fields, found {len(fields)}: '{fen}'")
    board, side, castling, en_passant, halfmoves, fullmoves = fields
    board = "".join("." * int(c) if c.isdigit() else c for c in board if c != "/")
    castling, en_passant = castling.strip("-"), en_passant.strip("-")
    texts = (side, board, castling, en_passant, halfmoves, fullmoves)
    if any(len(text) > width for text, width in zip(texts, _FIELDS, strict=True)):
        raise InputError(f"expected fields of at most {_FIELDS} characters, found '{fen}'")
    line = "".join(text.ljust(width, ".") for text, width in zip(texts, _FIELDS, strict=True))
    try:
        return np.array([_TOKEN[character] for character in line], np.uint8)
    except KeyError as error:
        raise InputError(f"expected a FEN, found the character {error} in '{fen}'") from None


def detokenize(tokens: np.ndarray) -> str:
    """[77] integers -> the six-field FEN that they were made from; the inverse of `tokenize`."""
    line = "".join(CHARACTERS[token] for token in tokens)
    bounds = np.cumsum((0, *_FIELDS))
    side, board, *rest = (line[a:b] for a, b in itertools.pairwise(bounds))
    castling, en_passant, halfmoves, fullmoves = (text.rstrip(".") for text in rest)
    rows = [_run_lengths(board[i : i + 8]) for i in range(0, 64, 8)]
    return " ".join(
        ("/".join(rows), side, castling or "-", en_passant or "-", halfmoves, fullmoves)
    )


def _run_lengths(row: str) -> str:
    """A row of eight characters -> its FEN form, runs of ``.`` as digits."""
    for length in range(8, 0, -1):
        row = row.replace("." * length, str(length))
    return row
