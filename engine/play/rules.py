"""What the rules of chess decide exactly about a move: mates and draws.

A network sees one position, not the game, and its values are estimates. If the rules decide the
value of a move, the verdict here replaces the estimate. There is no search: a move that can decide
something is made once, and the position after it is examined with the game's history (the board's
move stack). Most moves cannot, which bitboards show before they are made. Replies are examined only
for repetitions.

Repetition, exactly:

- a move after which the position occurs for the third time (or more) is a draw, which the opponent
  can claim and match runners claim automatically: it counts 0.5;
- a move after which the position occurs for the *second* time is not a draw yet, but a player
  without memory would repeat the same moves again. It counts at most 0.5: a side that is better
  avoids it, and a side that is worse does not gain from it;
- a move that allows a reply after which a position occurs for the third time also counts at most
  0.5.

The last two verdicts are *ceilings*, that is, upper bounds; all others are exact.

The 50th move in a row without a capture or pawn move counts 0.5, unless it mates.

`reference_verdicts` has instead what the engines of Ruoss et al. 2024 know, for comparison.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

import chess

FIFTY_MOVES = 100  # half-moves


@dataclass(frozen=True)
class Verdict:
    """What is known exactly about a move.

    ``win_prob``: for the side that makes the move. ``ceiling``: the value of the move is at most
    ``win_prob``; otherwise it is exactly that.
    """

    reason: str
    win_prob: float
    ceiling: bool = False


CHECKMATE = Verdict("checkmate", 1.0)
STALEMATE = Verdict("stalemate", 0.5)
INSUFFICIENT_MATERIAL = Verdict("insufficient material", 0.5)
THREEFOLD_REPETITION = Verdict("threefold repetition", 0.5)
FIFTY_MOVE_RULE = Verdict("50-move rule", 0.5)
REPETITION = Verdict("repetition", 0.5, ceiling=True)
REPEATING_REPLY = Verdict("the reply can repeat", 0.5, ceiling=True)
CLAIMABLE_REPETITION = Verdict("claimable repetition", 0.5)


def verdicts(board: chess.Board, moves: Iterable[chess.Move]) -> list[Verdict | None]:
    """The rules' verdict on each of ``moves`` (legal in ``board``), or None.

    ``board`` is unchanged afterwards.
    """
    occurrences = _occurrences(board)
    twice = {key for key, count in occurrences.items() if count > 1}
    may_decide = _filter(board, occurrences)
    found = []
    for move in moves:
        if not may_decide(move):
            found.append(None)
            continue
        reversible = bool(occurrences) and not board.is_irreversible(move)
        board.push(move)
        found.append(_verdict(board, occurrences if reversible else None, twice))
        board.pop()
    return found


def reference_verdicts(board: chess.Board, moves: Iterable[chess.Move]) -> list[Verdict | None]:
    """What the engines of Ruoss et al. 2024 know of the rules: draws by repetition.

    A move counts 0.5 if the opponent can then claim a draw by repetition: the position occurs for
    the third time, or the opponent has a move after which one would. Mates and other draws are left
    to the network.
    """
    found: list[Verdict | None] = []
    for move in moves:
        board.push(move)
        drawn = board.is_fivefold_repetition() or board.can_claim_threefold_repetition()
        found.append(CLAIMABLE_REPETITION if drawn else None)
        board.pop()
    return found


def _filter(board: chess.Board, occurrences: Counter) -> Callable[[chess.Move], bool]:
    """Whether the rules may decide a legal move, by bitboards. True for more moves than those.

    A move neither mates nor stalemates if it gives no check and the opponent keeps a piece that can
    move and cannot be pinned. Then only repetitions are left: the mover's pieces must stand on the
    same squares as in an earlier position.
    """
    us, them = board.turn, not board.turn
    ours, king = board.occupied_co[us], board.king(them)
    enough = board.pawns | board.rooks | board.queens  # one of them is sufficient material
    if (
        king is None
        or board.was_into_check()
        or board.halfmove_clock + 1 >= FIFTY_MOVES
        or chess.popcount(enough) < 3
        or chess.popcount(_free_to_move(board, them, king)) < 2
    ):
        return lambda move: True
    diagonals, lines = _sight(king, board.occupied)
    behind = _sight(king, board.occupied & ~(ours & (diagonals | lines)))
    uncovering = ours & (
        (diagonals if behind[0] & ours & (board.bishops | board.queens) else 0)
        | (lines if behind[1] & ours & (board.rooks | board.queens) else 0)
    )
    checking = {
        chess.PAWN: chess.BB_PAWN_ATTACKS[them][king],
        chess.KNIGHT: chess.BB_KNIGHT_ATTACKS[king],
        chess.BISHOP: diagonals,
        chess.ROOK: lines,
        chess.QUEEN: diagonals | lines,
        chess.KING: 0,
    }
    earlier = {_pieces_of(key, us) for key in occurrences}

    def may_decide(move: chess.Move) -> bool:
        origin, target = chess.BB_SQUARES[move.from_square], chess.BB_SQUARES[move.to_square]
        kind = board.piece_type_at(move.from_square)
        return bool(
            kind is None
            or origin & uncovering
            or target & checking[kind]
            or move.promotion
            or (kind == chess.PAWN and move.to_square == board.ep_square)
            or (kind == chess.KING and board.is_castling(move))
            or (ours ^ origin | target) in earlier
        )

    return may_decide


def _sight(square: chess.Square, occupied: chess.Bitboard) -> tuple[chess.Bitboard, chess.Bitboard]:
    """What a bishop and what a rook on a square attack."""
    diagonals = chess.BB_DIAG_ATTACKS[square][chess.BB_DIAG_MASKS[square] & occupied]
    ranks = chess.BB_RANK_ATTACKS[square][chess.BB_RANK_MASKS[square] & occupied]
    files = chess.BB_FILE_ATTACKS[square][chess.BB_FILE_MASKS[square] & occupied]
    return diagonals, ranks | files


def _free_to_move(board: chess.Board, color: chess.Color, king: chess.Square) -> chess.Bitboard:
    """A side's pieces on no line with their king that have a square next to them to move to.

    An opponent's move that is neither castling nor en passant ends this for at most one of them: it
    captures the piece, or stops it if it is a pawn.
    """
    own = board.occupied_co[color]
    lines = chess.BB_RANK_ATTACKS[king][0] | chess.BB_FILE_ATTACKS[king][0]
    unpinned = own & ~lines & ~chess.BB_DIAG_ATTACKS[king][0] & ~board.kings
    pawns = board.pawns & unpinned
    behind = board.occupied >> 8 if color == chess.WHITE else board.occupied << 8
    found = pawns & ~behind
    for square in chess.scan_forward(unpinned & ~pawns):
        if board.attacks_mask(square) & ~own:
            found |= chess.BB_SQUARES[square]
    return found


def _verdict(board: chess.Board, occurrences: Counter | None, twice: set[tuple]) -> Verdict | None:
    """The verdict on the move just made on ``board``, for the side that made it; ``twice``: the
    positions that occurred at least twice."""
    if not any(board.generate_legal_moves()):
        return CHECKMATE if board.is_check() else STALEMATE
    if board.is_insufficient_material():
        return INSUFFICIENT_MATERIAL
    if board.halfmove_clock >= FIFTY_MOVES:
        return FIFTY_MOVE_RULE
    if not occurrences:
        return None
    before = occurrences[position_key(board)]
    if before >= 2:
        return THREEFOLD_REPETITION
    if before:
        return REPETITION
    return REPEATING_REPLY if _reply_repeats(board, twice) else None


def _reply_repeats(board: chess.Board, twice: set[tuple]) -> bool:
    """Whether a reply leads to a position that occurred twice before.

    A reply does not move the pieces of the side that has just moved, which rules out most
    candidates.
    """
    mover = not board.turn
    near = {key for key in twice if _pieces_of(key, mover) == board.occupied_co[mover]}
    for reply in board.legal_moves if near else ():
        board.push(reply)
        found = position_key(board) in near
        board.pop()
        if found:
            return True
    return False


def _occurrences(board: chess.Board) -> Counter:
    """How often each position occurred since the last irreversible move, including the current one.

    Empty if no repetition is possible yet: it takes four half-moves, so at least three must have
    been played before the move in question.
    """
    if min(board.halfmove_clock, len(board.move_stack)) < 3:
        return Counter()
    past = board.copy(stack=board.halfmove_clock)
    keys = Counter([position_key(past)])
    while past.move_stack and past.halfmove_clock:
        past.pop()
        keys[position_key(past)] += 1
    return keys


def _pieces_of(key: tuple, color: chess.Color) -> chess.Bitboard:
    """One side's pieces in a position given by `position_key`."""
    kinds, white = key[:6], key[6]
    return white if color == chess.WHITE else reduce(or_, kinds) & ~white


def position_key(board: chess.Board) -> tuple:
    """A key that is equal for the same positions (FIDE Laws, article 9.2): pieces, side to move,
    castling rights, en passant."""
    return (
        board.pawns,
        board.knights,
        board.bishops,
        board.rooks,
        board.queens,
        board.kings,
        board.occupied_co[chess.WHITE],
        board.turn,
        board.clean_castling_rights(),
        board.ep_square if board.has_legal_en_passant() else None,
    )
