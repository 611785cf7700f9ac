"""What the rules of chess decide exactly about a move: mates and draws.

A network sees one position, not the game, and its values are estimates. Where the rules settle
what a move is worth, the verdict here replaces the estimate. Nothing is searched: each legal move
is made once and the position after it is looked at, with the real game (the board's move stack)
behind it. Replies are looked at for repetitions alone.

Repetition, exactly:

- a move after which the position stands for the third time (or more) is a draw that the opponent
  can claim and match runners call by themselves: it counts 0.5;
- a move after which the position stands for the *second* time is not a draw yet, but a player
  without memory would go round the same circle again. It counts at most 0.5: a side that stands
  better turns away from it, a side that stands worse gains nothing by hoping for it;
- a move that lets the opponent's reply bring a position for the third time counts at most 0.5 too.

The last two verdicts are *ceilings*; all others are exact.

A move that completes 50 moves without a capture or pawn move counts 0.5 unless it mates.

`reference_verdicts` is what the reference knows instead, for comparison.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

import chess

FIFTY_MOVES = 100  # half-moves


@dataclass(frozen=True)
class Verdict:
    """What is known of a move besides the network's estimate.

    ``win_prob``: from the point of view of the side that makes the move. ``ceiling``: the move is
    worth at most ``win_prob``, else exactly that.
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
    """What the rules decide about each of ``moves`` (legal in ``board``), None where nothing.

    ``board`` is handed back as it came. Takes some 15 microseconds a move.
    """
    occurrences = _occurrences(board)
    twice = {key for key, count in occurrences.items() if count > 1}
    found = []
    for move in moves:
        reversible = bool(occurrences) and not board.is_irreversible(move)
        board.push(move)
        found.append(_verdict(board, occurrences if reversible else None, twice))
        board.pop()
    return found


def reference_verdicts(board: chess.Board, moves: Iterable[chess.Move]) -> list[Verdict | None]:
    """All that the engines of Ruoss et al. 2024 know of the rules: a draw by repetition.

    A move counts 0.5 if the opponent can then claim one: the position stands for the third time, or
    the opponent has a move after which one would. Mates and other draws are the network's business.
    """
    found: list[Verdict | None] = []
    for move in moves:
        board.push(move)
        drawn = board.is_fivefold_repetition() or board.can_claim_threefold_repetition()
        found.append(CLAIMABLE_REPETITION if drawn else None)
        board.pop()
    return found


def _verdict(board: chess.Board, occurrences: Counter | None, twice: set[tuple]) -> Verdict | None:
    """The verdict on the move just made on ``board``, for the side that made it; ``twice``: what
    occurred more than once."""
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
    """Whether a reply brings one of the positions that stood twice.

    It leaves the pieces of the side that just moved where they are, which rules out most of them.
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
    """How often each position stood since the last irreversible move, the present one included.

    Empty where no position can come back yet: repeating one takes four half-moves, so three of
    them must lie behind the move that is looked at.
    """
    if min(board.halfmove_clock, len(board.move_stack)) < 3:
        return Counter()
    past = board.copy()
    keys = Counter([position_key(past)])
    while past.move_stack and past.halfmove_clock:
        past.pop()
        keys[position_key(past)] += 1
    return keys


def _pieces_of(key: tuple, color: chess.Color) -> chess.Bitboard:
    """Where one side's pieces stand in a position of `position_key`."""
    kinds, white = key[:6], key[6]
    return white if color == chess.WHITE else reduce(or_, kinds) & ~white


def position_key(board: chess.Board) -> tuple:
    """What makes positions the same (FIDE article 9.2): pieces, side, castling, en passant."""
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
