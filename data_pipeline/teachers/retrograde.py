"""Endings with few pieces, solved by retrograde analysis: the exact distance to mate.

A table has the value of every placement of its pieces, for either side to move. It is computed from
the rules alone: all values start as draws, and each is set to the best of its moves' values until
none changes. Three pieces take about a second and four about twenty; a table needs 1 or 34 MB of
memory. The 50-move rule is ignored, and so is en passant, so only one side may have pawns.

A value is for the side to move, in half-moves to mate with best play: ``MATED + n`` if it is mated
in n, ``-(MATED + n)`` if it mates in n, 0 for a draw.
"""

from functools import cache

import chess
import numpy as np

from data_pipeline.encoding.values import mate_score

MATED, ILLEGAL = -127, -128
MOST_PIECES = 4

_STRAIGHT, _DIAGONAL = ((0, 1), (0, -1), (1, 0), (-1, 0)), ((1, 1), (1, -1), (-1, 1), (-1, -1))
_KNIGHT = tuple((x, y) for x in (-2, -1, 1, 2) for y in (-2, -1, 1, 2) if abs(x) != abs(y))
_STEPS = {
    "K": _STRAIGHT + _DIAGONAL,
    "Q": _STRAIGHT + _DIAGONAL,
    "R": _STRAIGHT,
    "B": _DIAGONAL,
    "N": _KNIGHT,
}
_SLIDERS = "QRB"
_ORDER = "KQRBNPkqrbnp"


@cache
def table(pieces: str) -> np.ndarray:
    """Pieces such as ``KRk`` -> [2, 64, ...] int8: values by side to move (Black, White) and by the
    square of each piece. ILLEGAL if pieces share a square, if a pawn is on its first or last rank,
    or if the side to move could capture the king."""
    _require_solvable(pieces)
    checks = [_checks(pieces, color) for color in (chess.BLACK, chess.WHITE)]
    misplaced = _misplaced(pieces)
    illegal = [misplaced | checks[not turn] for turn in (False, True)]
    values = np.zeros((2, *misplaced.shape), np.int8)
    for turn in (False, True):
        np.putmask(values[int(turn)], illegal[turn], ILLEGAL)
    changed = True
    while changed:
        changed = False
        for turn in (True, False):
            best = _best(pieces, turn, values[int(not turn)])
            stuck = best == ILLEGAL
            np.putmask(best, stuck, 0)
            np.putmask(best, stuck & checks[turn], MATED)
            np.putmask(best, illegal[turn], ILLEGAL)
            changed |= not np.array_equal(best, values[int(turn)])
            values[int(turn)] = best
    return values


def pieces_of(board: chess.Board) -> str:
    """The pieces on the board as the name of a table: ``KRk``."""
    symbols = (piece.symbol() for piece in board.piece_map().values())
    return "".join(sorted(symbols, key=_ORDER.index))


def value(board: chess.Board) -> int:
    """The value of a position without castling rights; see the module's docstring."""
    if board.occupied_co[chess.WHITE].bit_count() < board.occupied_co[chess.BLACK].bit_count():
        board = board.mirror()
    squares: list[int] = []
    pieces = pieces_of(board)
    for symbol in dict.fromkeys(pieces):
        piece = chess.Piece.from_symbol(symbol)
        squares += board.pieces(piece.piece_type, piece.color)
    return int(table(pieces)[(int(board.turn), *squares)])


def mate_in(value: int) -> int | None:
    """A table's value -> the distance in moves: positive if the side to move mates, negative if it
    is mated (0: it is already mated), None for a draw."""
    if value == 0:
        return None
    plies = abs(MATED) - abs(value)
    return (plies + 1) // 2 if value > 0 else -(plies // 2)


def move_scores(board: chess.Board) -> dict[chess.Move, int]:
    """The score of each legal move (see `values`) for the side that makes it: its mate, or 0."""
    scores = {}
    for move in board.legal_moves:
        board.push(move)
        after = mate_in(value(board))
        board.pop()
        if after is None:
            scores[move] = 0
        else:
            scores[move] = mate_score(1 - after if after <= 0 else -after)
    return scores


def _require_solvable(pieces: str) -> None:
    if not 2 <= len(pieces) <= MOST_PIECES or pieces.count("K") != 1 or pieces.count("k") != 1:
        raise ValueError(f"expected two kings and at most two other pieces, found {pieces!r}")
    if "P" in pieces and "p" in pieces:
        raise ValueError(f"expected pawns of one side only, found {pieces!r}")


def _best(pieces: str, turn: bool, after: np.ndarray) -> np.ndarray:
    """The value of each position's best move, or ILLEGAL if it has none. ``after``: values with the
    other side to move."""
    gains = _gain(after)
    best = np.full_like(after, ILLEGAL)
    for axis, symbol in enumerate(pieces):
        if symbol.isupper() == turn:
            moved = np.ascontiguousarray(np.moveaxis(gains, axis, 0))
            _set_captures(moved, pieces, axis)
            if symbol in "Pp":
                _set_promotions(moved, pieces, axis)
            reached = np.moveaxis(_reach(moved, pieces, axis), 0, axis)
            np.maximum(best, reached, out=best)
    return best


def _gain(after: np.ndarray) -> np.ndarray:
    """Values for the side to move -> for the side that moved there, one half-move longer."""
    gains = np.sign(after)
    gains -= after
    np.putmask(gains, after == ILLEGAL, ILLEGAL)
    return gains


def _set_captures(gains: np.ndarray, pieces: str, axis: int) -> None:
    """Set the values of captures: entries in which the moved piece is on the captured one's square.

    ``gains``: the axis of the moved piece comes first; the same below.
    """
    for other in _enemies(pieces, axis):
        if pieces[other] not in "Kk":
            left = _without(pieces, axis, other)
            for square in range(64):
                gains[square][_at(pieces, axis, other, square)] = left[square]


@cache
def _without(pieces: str, axis: int, captured: int) -> np.ndarray:
    """The gains after the piece on axis ``captured`` has been captured."""
    rest = pieces[:captured] + pieces[captured + 1 :]
    after = table(rest)[int(pieces[axis].islower())]
    return np.moveaxis(_gain(after), axis - (axis > captured), 0)


def _set_promotions(gains: np.ndarray, pieces: str, axis: int) -> None:
    """Set the values of the best promotion: entries in which the pawn is on its last rank."""
    last = chess.BB_RANK_8 if pieces[axis] == "P" else chess.BB_RANK_1
    squares = list(chess.scan_forward(last))
    gains[squares] = _promoted(pieces, axis)[squares]


@cache
def _promoted(pieces: str, axis: int) -> np.ndarray:
    best = None
    for symbol in "QRBN":
        symbol = symbol if pieces[axis].isupper() else symbol.lower()
        promoted = pieces[:axis] + symbol + pieces[axis + 1 :]
        after = table(promoted)[int(symbol.islower())]
        gains = np.moveaxis(_gain(after), axis, 0).copy()
        _set_captures(gains, promoted, axis)
        best = gains if best is None else np.maximum(best, gains)
    assert best is not None
    return best


def _reach(gains: np.ndarray, pieces: str, axis: int) -> np.ndarray:
    """``gains: [64, ...]``, of being on a square -> of the best move from a square."""
    symbol = pieces[axis]
    if symbol in "Pp":
        return _reach_of_pawn(gains, pieces, axis)
    best = np.full_like(gains, ILLEGAL)
    for step in _STEPS[symbol.upper()]:
        rays: dict[int, np.ndarray] = {}  # in this direction, by the square at which they start
        for source, target in _along(*step):
            ray = gains[target]
            beyond = rays.pop(target, None)
            if beyond is not None:
                for other in _others(pieces, axis):
                    beyond[_at(pieces, axis, other, target)] = ILLEGAL
                ray = np.maximum(ray, beyond, out=beyond)
            np.maximum(best[source], ray, out=best[source])
            if symbol.upper() in _SLIDERS:
                rays[source] = ray.copy() if beyond is None else ray
    return best


def _along(files: int, ranks: int) -> list[tuple[int, int]]:
    """All steps in a direction as (source, target), nearest to the edge first."""
    squares = [s for s in range(64) if 0 <= s % 8 + files < 8 and 0 <= s // 8 + ranks < 8]
    return sorted(((s, s + files + 8 * ranks) for s in squares), key=lambda p: -p[1] * _sign(p))


def _sign(step: tuple[int, int]) -> int:
    return 1 if step[1] > step[0] else -1


def _reach_of_pawn(gains: np.ndarray, pieces: str, axis: int) -> np.ndarray:
    best = np.full_like(gains, ILLEGAL)
    forward, first = (8, 1) if pieces[axis] == "P" else (-8, 6)
    for source in range(8, 56):
        pushed = gains[source + forward].copy()
        if source // 8 == first:
            np.maximum(pushed, gains[source + 2 * forward], out=pushed)
            _bar(pushed, gains[source + forward], pieces, axis, source + 2 * forward)
        for other in _others(pieces, axis):
            pushed[_at(pieces, axis, other, source + forward)] = ILLEGAL
        best[source] = pushed
        for target in (source + forward - 1, source + forward + 1):
            if abs(target % 8 - source % 8) == 1:
                for other in _enemies(pieces, axis):
                    place = _at(pieces, axis, other, target)
                    best[source][place] = np.maximum(best[source][place], gains[target][place])
    return best


def _bar(pushed: np.ndarray, single: np.ndarray, pieces: str, axis: int, square: int) -> None:
    """If there is a piece on ``square``, allow only the push by one square."""
    for other in _others(pieces, axis):
        place = _at(pieces, axis, other, square)
        pushed[place] = single[place]


def _checks(pieces: str, color: bool) -> np.ndarray:
    """The positions in which the king of ``color`` is attacked."""
    king = pieces.index("K" if color else "k")
    checks = np.zeros((64,) * len(pieces), bool)
    for axis, symbol in enumerate(pieces):
        if symbol.isupper() != color:
            gains = np.full(checks.shape, ILLEGAL, np.int8)
            for square in range(64):
                gains[square][_at(pieces, axis, king, square)] = 1
            checks |= np.moveaxis(_reach(gains, pieces, axis) == 1, 0, axis)
    return checks


def _misplaced(pieces: str) -> np.ndarray:
    """The positions in which pieces share a square, or a pawn is on the first or last rank."""
    squares = np.indices((64,) * len(pieces), np.int8, sparse=True)
    wrong = np.zeros((64,) * len(pieces), bool)
    for axis, symbol in enumerate(pieces):
        for other in range(axis):
            wrong |= squares[axis] == squares[other]
        if symbol in "Pp":
            wrong |= (squares[axis] < 8) | (squares[axis] >= 56)
    return wrong


def _others(pieces: str, axis: int) -> list[int]:
    return [other for other in range(len(pieces)) if other != axis]


def _enemies(pieces: str, axis: int) -> list[int]:
    color = pieces[axis].isupper()
    return [other for other, symbol in enumerate(pieces) if symbol.isupper() != color]


def _at(pieces: str, axis: int, other: int, square: int) -> tuple:
    """The index of positions with ``other`` on a square, in an array without ``axis``."""
    return (slice(None),) * (other - (other > axis)) + (square,)
