"""One reader of positions as text, for UCI, commands and files: FEN, and EPD with its operations.

It forgives what does not change the position: byte order marks, spaces, a closing semicolon,
operations of any kind (``bm Qg6; id "WAC.001";``), clocks that are missing or stand in operations,
castling rights and en passant squares that the pieces rule out. It guesses nothing else.
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
"""What no game leads to, but moves are still well defined, as in many composed problems."""

CASTLING, EN_PASSANT = "castling rights", "en passant square"
MAX_CLOCK = 65_535
"""The largest clock or move number that is read; records have two bytes for it."""

_MARKS = "\ufeff\u200b\ufffd"
_CASTLING = re.compile(r"-|(?=.{1,4}$)(?:[KQA-H]{0,2}[kqa-h]{0,2}|[kqa-h]{1,2}[KQA-H]{1,2})")
_NUMBER = re.compile(r"-?\d+")
_CLOCK_OPERATION = re.compile(r"(?:^|;)\s*(hmvc|fmvn)\s+\"?(\d+)\"?\s*(?=;|$)")
_QUOTED = re.compile(r'"(?!\d+")[^"]*"')


@dataclass(frozen=True)
class Fen:
    """A position that was read, without a move stack."""

    board: chess.Board
    """Castling rights and en passant square are those that the pieces allow; the clocks are 0 and 1
    where they are unknown."""
    halfmove_clock: int | None
    """As the text has it; None where it does not."""
    fullmove_number: int | None
    """As the text has it; None where it does not."""
    mended: tuple[str, ...] = ()
    """What the pieces ruled out: `CASTLING`, `EN_PASSANT`."""
    chess960: bool = False
    """Whether castling rights are of Chess960: the king or a rook starts elsewhere. They are kept,
    although standard chess has no such move."""


def read_fen(text: str) -> Fen:
    """A FEN of four to six fields, or an EPD -> its position, which may be unplayable.

    Raises ValueError that says what is wrong with the text; see `faults_of` for the position.
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
    """What makes the moves of a position meaningless (``no white king``); empty if nothing does."""
    faults = board.status() & ~PLAYABLE
    names = [str(flag.name) for flag in chess.Status if flag & faults]
    return ", ".join(names).lower().replace("_", " ")


def _fields(text: str) -> tuple[list[str], str]:
    """The first four fields, and what stands behind them."""
    text = text.strip().strip(_MARKS).translate({0x2013: "-", 0x2014: "-", 0x2212: "-"}).strip()
    *fields, rest = [*text.split(None, 4), "", "", "", "", ""][:5]
    fields = [field for field in fields if field]
    if len(fields) == 4 and ";" in fields[3]:
        fields[3], _, behind = fields[3].partition(";")
        rest = f"; {behind} {rest}"
    return fields, rest


def _without_split_counts(pieces: str) -> str:
    """``44`` of some programs -> ``8``; what sums up to more than a rank stays as it is."""

    def joined(digits: re.Match) -> str:
        count = sum(map(int, digits[0]))
        return str(count) if 0 < count <= 8 else digits[0]

    return re.sub(r"[0-9]{2,8}", joined, pieces)


def _clocks(rest: str) -> tuple[int | None, int | None]:
    """What stands behind the four fields -> half-move clock and full-move number, if it has them.

    Numbers at its start are a FEN's clocks; operations ``hmvc`` and ``fmvn`` give what they lack.
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
    """Take away what the pieces rule out; returns whether the castling rights are of Chess960.

    They are where Chess960 allows all of them and standard chess does not. Otherwise those that
    standard chess rules out are taken away.
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
