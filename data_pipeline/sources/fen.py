"""The parser of positions as text, for UCI, commands and files: FEN, and EPD with operations.

It tolerates what does not change the position: byte order marks, spaces, a final semicolon, any
operations (``bm Qg6; id "WAC.001";``), clocks that are missing or given as operations, and castling
rights and en passant squares that the pieces rule out. It does not guess anything else.
"""

import re
from dataclasses import dataclass

import chess

PLAYABLE = (
    chess.STATUS_TOO_MANY_WHITE_PAWNS
    | chess.STATUS_TOO_MANY_BLACK_PAWNS
    | chess.STATUS_TOO_MANY_WHITE_PIECES
    | chess.STATUS_TOO_MANY_BLACK_PIECES
    | chess.STATUS_BAD_CASTLING_RIGHTS
    | chess.STATUS_INVALID_EP_SQUARE
    | chess.STATUS_TOO_MANY_CHECKERS
    | chess.STATUS_IMPOSSIBLE_CHECK
)
"""Faults of positions that no game leads to, but whose moves are well defined, as in many composed
problems."""

CASTLING, EN_PASSANT = "castling rights", "en passant square"
MAX_CLOCK = 65_535
"""The largest clock or move number that is accepted; records have two bytes for it."""

_MARKS = "\ufeff\u200b\ufffd"
_CASTLING = re.compile(r"-|(?=.{1,4}$)(?:[KQA-H]{0,2}[kqa-h]{0,2}|[kqa-h]{1,2}[KQA-H]{1,2})")
_NUMBER = re.compile(r"-?\d+")
_CLOCK_OPERATION = re.compile(r"(?:^|;)\s*(hmvc|fmvn)\s+\"?(\d+)\"?\s*(?=;|$)")
_QUOTED = re.compile(r'"(?!\d+")[^"]*"')


@dataclass(frozen=True)
class Fen:
    """A parsed position, without a move stack."""

    board: chess.Board
    """Castling rights and en passant square are reduced to those that the pieces allow; unknown
    clocks are 0 and 1."""
    halfmove_clock: int | None
    """As in the text; None if it has none."""
    fullmove_number: int | None
    """As in the text; None if it has none."""
    mended: tuple[str, ...] = ()
    """What was removed because the pieces rule it out: `CASTLING`, `EN_PASSANT`."""
    chess960: bool = False
    """Whether the castling rights are of Chess960: the king or a rook starts elsewhere. They are
    kept, although standard chess has no such move."""


def read_fen(text: str) -> Fen:
    """Parse a FEN of four to six fields, or an EPD; the position may be unplayable.

    Raises ValueError if the text is wrong; for the position see `faults_of`.
    """
    fields, rest = _fields(text)
    if len(fields) < 4:
        raise ValueError(f"expected a FEN of 4 to 6 fields, found {len(fields)}")
    pieces, turn, castling, en_passant = fields
    board = chess.Board(None)
    board.set_board_fen(_without_split_counts(pieces))
    if turn not in ("w", "b", "W", "B"):
        raise ValueError(f"expected w or b to move, found {turn[:20]!r}")
    if not _CASTLING.fullmatch(castling):
        raise ValueError(f"expected castling rights such as KQkq, found {castling[:20]!r}")
    if en_passant != "-" and en_passant not in chess.SQUARE_NAMES:
        raise ValueError(f"expected an en passant square or -, found {en_passant[:20]!r}")
    board.turn = turn in "wW"
    board.set_castling_fen("".join(sorted(castling)))
    board.ep_square = None if en_passant == "-" else chess.parse_square(en_passant)
    halfmove, fullmove = _clocks(rest)
    board.halfmove_clock, board.fullmove_number = halfmove or 0, max(fullmove or 1, 1)
    chess960, mended = _mend(board)
    return Fen(board, halfmove, fullmove, mended, chess960)


def faults_of(board: chess.Board) -> str:
    """Why the moves of a position are not defined (``no white king``); empty if they are."""
    faults = board.status() & ~PLAYABLE
    names = [str(flag.name) for flag in chess.Status if flag & faults]
    return ", ".join(names).lower().replace("_", " ")


def _fields(text: str) -> tuple[list[str], str]:
    """The first four fields, and the rest of the text."""
    text = text.strip().strip(_MARKS).translate({0x2013: "-", 0x2014: "-", 0x2212: "-"}).strip()
    *fields, rest = [*text.split(None, 4), "", "", "", "", ""][:5]
    fields = [field for field in fields if field]
    if len(fields) == 4 and ";" in fields[3]:
        fields[3], _, behind = fields[3].partition(";")
        rest = f"; {behind} {rest}"
    return fields, rest


def _without_split_counts(pieces: str) -> str:
    """``44``, as some programs write it, -> ``8``; sums above 8 are not changed."""

    def joined(digits: re.Match) -> str:
        count = sum(map(int, digits[0]))
        return str(count) if 0 < count <= 8 else digits[0]

    return re.sub(r"[0-9]{2,8}", joined, pieces)


def _clocks(rest: str) -> tuple[int | None, int | None]:
    """The text after the four fields -> half-move clock and full-move number, None if missing.

    Numbers at its start are a FEN's clocks; otherwise operations ``hmvc`` and ``fmvn`` are used.
    """
    values: list[int | None] = []
    while len(values) < 2:
        word, _, behind = rest.lstrip().partition(" ")
        word, semicolon, more = word.partition(";")
        if word == "-" and not semicolon:
            values.append(None)
        elif _NUMBER.fullmatch(word):
            values.append(_clock(word))
        else:
            break
        rest = f"{semicolon}{more} {behind}"
    values += [None] * (2 - len(values))
    operations = dict(_CLOCK_OPERATION.findall(_QUOTED.sub("", rest)))
    for place, name in enumerate(("hmvc", "fmvn")):
        if values[place] is None and name in operations:
            values[place] = _clock(operations[name])
    return values[0], values[1]


def _clock(text: str) -> int:
    number = int(text) if len(text) < 9 else MAX_CLOCK + 1
    if not 0 <= number <= MAX_CLOCK:
        raise ValueError(f"expected clocks of 0 to {MAX_CLOCK}, found {text[:20]}")
    return number


def _mend(board: chess.Board) -> tuple[bool, tuple[str, ...]]:
    """Remove what the pieces rule out; returns whether the castling rights are of Chess960, and the
    corrections.

    Castling rights are of Chess960 if all of them are possible there, but not in standard chess.
    Otherwise those that are impossible in standard chess are removed.
    """
    mended = []
    standard = board.clean_castling_rights()
    board.chess960 = True
    chess960 = board.castling_rights == board.clean_castling_rights() != standard
    board.chess960 = False
    if board.castling_rights != standard and not chess960:
        mended.append(CASTLING)
        board.castling_rights = standard
    if board.status() & chess.STATUS_INVALID_EP_SQUARE:
        mended.append(EN_PASSANT)
        board.ep_square = None
    return chess960, tuple(mended)
