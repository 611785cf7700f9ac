"""Positions as the network sees them: squares, rights and relations, from the side to move.

Everything here follows from the rules of chess alone; nothing is searched or evaluated. If Black is
to move the board is turned over (a1 becomes a8) and the colours are exchanged, so that the network
always plays up the board with its own pieces. Bitboards are 64 bits, bit s for square s, stored as
eight bytes from rank 1 to rank 8, lowest bit for file a.
"""

from collections.abc import Iterable
from typing import NamedTuple

import chess
import numpy as np

NUM_PIECES = 13  # empty, own P N B R Q K, the opponent's P N B R Q K
NUM_STATE = (
    12  # own and the opponent's castling rights (king's side, queen's side), en passant file
)
NUM_RELATIONS = 3  # per move: attacks from the target, attackers of the target, discovered lines
NUM_PROMOTIONS = 5  # none, N, B, R, Q

_PIECE_KINDS = ("pawns", "knights", "bishops", "rooks", "queens", "kings")
_FILES, _FILE_ATTACKS = chess.BB_FILE_MASKS, chess.BB_FILE_ATTACKS
_RANKS, _RANK_ATTACKS = chess.BB_RANK_MASKS, chess.BB_RANK_ATTACKS
_DIAGONALS, _DIAGONAL_ATTACKS = chess.BB_DIAG_MASKS, chess.BB_DIAG_ATTACKS


class BoardFeatures(NamedTuple):
    """One position, from the side to move."""

    squares: np.ndarray  # [64] uint8, 0 to NUM_PIECES - 1
    state: np.ndarray  # [NUM_STATE] uint8, 0 or 1
    attacks: np.ndarray  # [64, 8] uint8: bitboard of what the piece on each square attacks
    xrays: np.ndarray  # [64, 8] uint8: what it would attack, were its first blockers gone


class MoveFeatures(NamedTuple):
    """M moves of one position, from the side to move."""

    sources: np.ndarray  # [M] uint8
    targets: np.ndarray  # [M] uint8
    promotions: np.ndarray  # [M] uint8, 0 to NUM_PROMOTIONS - 1
    relations: np.ndarray  # [M, NUM_RELATIONS, 8] uint8 bitboards


def board_features(board: chess.Board) -> BoardFeatures:
    """The position of ``board``; the clocks and the move stack do not count."""
    squares = np.zeros(64, np.uint8)
    attacks, xrays = [0] * 64, [0] * 64
    for kind, name in enumerate(_PIECE_KINDS, start=1):
        for square in chess.scan_forward(getattr(board, name)):
            own = bool(board.occupied_co[board.turn] >> square & 1)
            squares[square] = kind if own else kind + 6
            attacks[square], xrays[square] = _attacks_and_xrays(board, square, kind)
    turned = board.turn == chess.BLACK
    return BoardFeatures(
        squares.reshape(8, 8)[::-1].ravel() if turned else squares,
        _state(board),
        _turn_squares(_bitboards(attacks, turned), turned),
        _turn_squares(_bitboards(xrays, turned), turned),
    )


def move_features(board: chess.Board, moves: Iterable[chess.Move]) -> MoveFeatures:
    """What each of ``moves`` (legal in ``board``) does; empty arrays where there are none."""
    turn = 0 if board.turn == chess.WHITE else 56
    sources, targets, promotions, relations = [], [], [], []
    discovered: dict[int, int] = {}
    for move in moves:
        source = move.from_square
        if source not in discovered:
            discovered[source] = _discovered_lines(board, source)
        sources.append(source ^ turn)
        targets.append(move.to_square ^ turn)
        promotions.append(move.promotion - 1 if move.promotion else 0)
        relations += _attacks_and_attackers(board, move)
        relations.append(discovered[source])
    return MoveFeatures(
        np.array(sources, np.uint8),
        np.array(targets, np.uint8),
        np.array(promotions, np.uint8),
        _bitboards(relations, bool(turn)).reshape(-1, NUM_RELATIONS, 8),
    )


def _bitboards(masks: list[int], turned: bool) -> np.ndarray:
    """Masks [N] -> [N, 8] uint8 bytes by rank; turning the board over exchanges the ranks."""
    ranks = np.array(masks, "<u8").view(np.uint8).reshape(-1, 8)
    return ranks[:, ::-1] if turned else ranks


def _turn_squares(by_square: np.ndarray, turned: bool) -> np.ndarray:
    """[64, 8] in the order of the board's squares -> in the order of the side to move's squares."""
    return by_square.reshape(8, 8, 8)[::-1].reshape(64, 8) if turned else by_square


def _state(board: chess.Board) -> np.ndarray:
    """[NUM_STATE] uint8: castling rights of both sides, then the file of a legal en passant."""
    state = np.zeros(NUM_STATE, np.uint8)
    for offset, color in ((0, board.turn), (2, not board.turn)):
        state[offset] = board.has_kingside_castling_rights(color)
        state[offset + 1] = board.has_queenside_castling_rights(color)
    if board.ep_square is not None and board.has_legal_en_passant():
        state[4 + chess.square_file(board.ep_square)] = 1
    return state


def _slider_attacks(square: int, kind: int, occupied: int) -> int:
    """The mask that a bishop, rook or queen on ``square`` attacks."""
    mask = 0
    if kind != chess.ROOK:
        mask = _DIAGONAL_ATTACKS[square][_DIAGONALS[square] & occupied]
    if kind != chess.BISHOP:
        mask |= _RANK_ATTACKS[square][_RANKS[square] & occupied]
        mask |= _FILE_ATTACKS[square][_FILES[square] & occupied]
    return mask


def _piece_attacks(square: int, kind: int, color: chess.Color, occupied: int) -> int:
    """The mask that a piece of any kind on ``square`` attacks."""
    if kind == chess.PAWN:
        return chess.BB_PAWN_ATTACKS[color][square]
    if kind == chess.KNIGHT:
        return chess.BB_KNIGHT_ATTACKS[square]
    if kind == chess.KING:
        return chess.BB_KING_ATTACKS[square]
    return _slider_attacks(square, kind, occupied)


def _attacks_and_xrays(board: chess.Board, square: int, kind: int) -> tuple[int, int]:
    """What the piece on ``square`` attacks, and what only its first blockers keep from it."""
    occupied = board.occupied
    color = bool(board.occupied_co[chess.WHITE] >> square & 1)
    attacks = _piece_attacks(square, kind, color, occupied)
    if kind not in (chess.BISHOP, chess.ROOK, chess.QUEEN):
        return attacks, 0
    return attacks, _slider_attacks(square, kind, occupied & ~attacks) & ~attacks


def _attacks_and_attackers(board: chess.Board, move: chess.Move) -> tuple[int, int]:
    """After ``move``: what the moved piece attacks, and the other pieces that attack its square."""
    source, target = move.from_square, move.to_square
    source_mask, target_mask = chess.BB_SQUARES[source], chess.BB_SQUARES[target]
    kind = board.piece_type_at(source) or chess.PAWN
    occupied = (board.occupied & ~source_mask) | target_mask
    if kind == chess.PAWN and target == board.ep_square:
        occupied &= ~chess.BB_SQUARES[target + (-8 if board.turn == chess.WHITE else 8)]
    attacks = _piece_attacks(target, move.promotion or kind, board.turn, occupied)
    diagonal = _DIAGONAL_ATTACKS[target][_DIAGONALS[target] & occupied]
    straight = (
        _RANK_ATTACKS[target][_RANKS[target] & occupied]
        | _FILE_ATTACKS[target][_FILES[target] & occupied]
    )
    white, black = board.occupied_co[chess.WHITE], board.occupied_co[chess.BLACK]
    attackers = (
        (chess.BB_KING_ATTACKS[target] & board.kings)
        | (chess.BB_KNIGHT_ATTACKS[target] & board.knights)
        | (diagonal & (board.bishops | board.queens))
        | (straight & (board.rooks | board.queens))
        | (chess.BB_PAWN_ATTACKS[chess.BLACK][target] & board.pawns & white)
        | (chess.BB_PAWN_ATTACKS[chess.WHITE][target] & board.pawns & black)
    )
    return attacks, attackers & occupied & ~target_mask


def _discovered_lines(board: chess.Board, source: int) -> int:
    """The squares that sliders of either side newly attack once ``source`` is vacated."""
    occupied, vacated = board.occupied, board.occupied & ~chess.BB_SQUARES[source]
    diagonal = _DIAGONAL_ATTACKS[source][_DIAGONALS[source] & occupied]
    straight = (
        _RANK_ATTACKS[source][_RANKS[source] & occupied]
        | _FILE_ATTACKS[source][_FILES[source] & occupied]
    )
    mask = 0
    lines = (
        (chess.BISHOP, diagonal & (board.bishops | board.queens)),
        (chess.ROOK, straight & (board.rooks | board.queens)),
    )
    for kind, sliders in lines:
        for square in chess.scan_forward(sliders):
            before = _slider_attacks(square, kind, occupied)
            mask |= _slider_attacks(square, kind, vacated) & ~before
    return mask
