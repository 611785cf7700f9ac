"""FEN -> the 77 tokens of Ruoss et al. 2024 (``searchless_chess/src/tokenizer.py``).

Side to move (1), the board from a8 to h1 (64), castling (4), en passant (2), half-move clock (3)
and full-move number (3); the last four are padded with ``.`` on the right.
"""

import numpy as np

from data_pipeline.common.errors import InputError

CHARACTERS = "0123456789abcdefghpnrkqPBNRQKw."
SEQUENCE_LENGTH = 77
_TOKEN = {character: token for token, character in enumerate(CHARACTERS)}
_FIELDS = (1, 64, 4, 2, 3, 3)


def tokenize(fen: str) -> np.ndarray:
    """A six-field FEN -> [77] uint8. Raises InputError if a field does not fit its tokens."""
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
