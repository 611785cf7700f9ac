"""Positions as network inputs: pieces, state and relations, from the side to move.

Everything here follows from the rules of chess; nothing is searched or evaluated. If Black is to
move, the board is flipped vertically (a1 becomes a8) and the colours are swapped, so that the
network always plays up the board with its own pieces. Pieces and bitboards are those of `attacks`.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import chess
import numpy as np

from data_pipeline.encoding.attacks import (
    NUM_PIECES,
    attack_tables,
    attacks_by,
    bitboards,
    rays_from,
)

NUM_STATE = (
    12  # own and the opponent's castling rights (king's side, queen's side), en passant file
)
NUM_RELATIONS = 3  # per move: attacks from the target, attackers of the target, discovered lines
NUM_PROMOTIONS = 5  # none, N, B, R, Q

_PAWN = 1
_STRAIGHT, _DIAGONAL, _KNIGHTS, _KINGS = [4, 5, 10, 11], [3, 5, 9, 11], [2, 8], [6, 12]
_SETS = (_STRAIGHT, _STRAIGHT, _DIAGONAL, _DIAGONAL, _KNIGHTS, _KINGS, [1], [7])
_MEMBERS = np.array([[piece in set_ for piece in range(NUM_PIECES)] for set_ in _SETS])
_SLIDERS = np.isin(np.arange(NUM_PIECES), _STRAIGHT + _DIAGONAL)
# A piece of one of _SETS' last four kinds attacks a square from where this piece would attack it.
_REVERSED_STEPS = np.array([[2], [6], [7], [1]]) * 64
# Masks of six kinds of pieces and of the opponent's pieces, with weights that give piece numbers.
_WEIGHTS = np.array([1, 2, 3, 4, 5, 6, 6], np.uint8)


class Positions(NamedTuple):
    """B positions, from the side to move."""

    squares: np.ndarray  # [B, 64] uint8, 0 to NUM_PIECES - 1
    state: np.ndarray  # [B, NUM_STATE] uint8, 0 or 1
    en_passant: np.ndarray  # [B] uint64 bitboards: the square that a pawn has just passed


class Moves(NamedTuple):
    """N moves in any of B positions, from the side to move."""

    rows: np.ndarray  # [N] int64: index of the position
    columns: np.ndarray  # [N] int64: index among that position's moves
    sources: np.ndarray  # [N] int64 squares
    targets: np.ndarray  # [N] int64 squares
    promotions: np.ndarray  # [N] int64, 0 to NUM_PROMOTIONS - 1


class Relations(NamedTuple):
    """Relations between squares by the rules, as uint64 bitboards."""

    attacks: np.ndarray  # [B, 64]: squares attacked by the piece on each square
    xrays: np.ndarray  # [B, 64]: further squares that it would attack without its first blockers
    moves: np.ndarray  # [N, NUM_RELATIONS]: after the move, squares attacked by the moved piece,
    #   pieces of both sides that attack it, squares newly attacked through the vacated source


def positions_of(boards: Sequence[chess.Board]) -> Positions:
    """The positions of boards; clocks and move stacks are ignored."""
    masks = np.array([_masks(board) for board in boards], "<u8")
    flipped = np.array([not board.turn for board in boards])[:, None]
    masks = np.where(flipped, masks.byteswap(), masks)
    members = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little")
    state = np.array([_state(board) for board in boards], np.uint8)
    return Positions(_WEIGHTS @ members[:, :448].reshape(-1, 7, 64), state, masks[:, 7])


def moves_of(boards: Sequence[chess.Board], moves: Sequence[Sequence[chess.Move]]) -> Moves:
    """Legal moves of each board."""
    fields = [
        (row, column, move.from_square ^ turn, move.to_square ^ turn, (move.promotion or 1) - 1)
        for row, (board, legal) in enumerate(zip(boards, moves, strict=True))
        for turn in (0 if board.turn else 56,)
        for column, move in enumerate(legal)
    ]
    flat = np.fromiter(chain.from_iterable(fields), np.int64, 5 * len(fields))
    return Moves(*flat.reshape(-1, 5).T.copy())


def relations_of(positions: Positions, moves: Moves) -> Relations:
    """The relations in the positions and of the moves."""
    squares = positions.squares
    occupied, sets = bitboards(squares > 0), bitboards(_MEMBERS.take(squares, axis=1))
    cells = np.flatnonzero(squares)
    rows, places = np.divmod(cells, 64)
    pieces = squares.ravel()[cells].astype(np.int64)
    rays = rays_from(places, occupied[rows])

    attacks, xrays, discovered = np.zeros((3, squares.size), np.uint64)
    attacks[cells] = attacks_by(pieces, places, rays)
    sliding = np.flatnonzero(_SLIDERS[pieces])
    some = rows[sliding], places[sliding], pieces[sliding], rays[:, sliding]
    xrays[cells[sliding]] = _xrays(*some, occupied)
    discovered[cells] = _discovered(places, rays, sets[:4].take(rows, axis=1))

    of_moves = np.empty((len(moves.rows), NUM_RELATIONS), np.uint64)
    of_moves[:, 0], of_moves[:, 1] = _after(positions, moves, occupied, sets)
    of_moves[:, 2] = discovered[moves.rows * 64 + moves.sources]
    return Relations(attacks.reshape(-1, 64), xrays.reshape(-1, 64), of_moves)


def _masks(board: chess.Board) -> tuple[int, ...]:
    opponents = board.occupied_co[not board.turn]
    passed = 0 if board.ep_square is None else 1 << board.ep_square
    knights, bishops, rooks = board.knights, board.bishops, board.rooks
    return board.pawns, knights, bishops, rooks, board.queens, board.kings, opponents, passed


def _state(board: chess.Board) -> list[int]:
    """[NUM_STATE], 0 or 1: castling rights of both sides, then the file of a legal en passant."""
    state = [0] * NUM_STATE
    if board.castling_rights:
        for offset, color in ((0, board.turn), (2, not board.turn)):
            state[offset] = board.has_kingside_castling_rights(color)
            state[offset + 1] = board.has_queenside_castling_rights(color)
    if board.ep_square is not None and board.has_legal_en_passant():
        state[4 + chess.square_file(board.ep_square)] = 1
    return state


def _xrays(
    rows: np.ndarray, places: np.ndarray, pieces: np.ndarray, rays: np.ndarray, occupied: np.ndarray
) -> np.ndarray:
    """[N] bitboards: x-rays of N sliders with their rays [4, N]."""
    first_blockers = np.bitwise_or.reduce(rays)
    return attacks_by(pieces, places, rays_from(places, occupied[rows] & ~first_blockers) & ~rays)


def _discovered(places: np.ndarray, rays: np.ndarray, sliders: np.ndarray) -> np.ndarray:
    """Squares [N], their rays [4, N] and the sliders on each kind of line [4, N] -> [N] bitboards:
    the squares newly attacked by sliders if the square is vacated. If there is a slider at one end
    of a line through the square, these are the squares at the other end."""
    ahead = rays & attack_tables().above.take(places)
    behind = rays ^ ahead
    lines = np.where(ahead & sliders, behind, 0) | np.where(behind & sliders, ahead, 0)
    return np.bitwise_or.reduce(lines)


def _after(
    positions: Positions, moves: Moves, occupied: np.ndarray, sets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two bitboards [N] with the occupancy after each move: the squares that the moved piece
    attacks, and the other pieces that attack it. A castled rook counts as still in its corner."""
    rows, targets = moves.rows, moves.targets
    pieces = positions.squares.ravel()[rows * 64 + moves.sources].astype(np.int64)
    one = np.uint64(1)
    source, target = one << moves.sources.astype(np.uint64), one << targets.astype(np.uint64)
    captured = np.where(pieces == _PAWN, target & positions.en_passant[rows], 0) >> 8
    stay = occupied[rows] & ~(source | captured | target)
    rays = rays_from(targets, stay)
    moved = np.where(moves.promotions > 0, moves.promotions + 1, pieces)
    steps = attack_tables().steps.take(_REVERSED_STEPS + targets)
    attackers = np.bitwise_or.reduce(np.concatenate((rays, steps)) & sets.take(rows, axis=1))
    return attacks_by(moved, targets, rays), attackers & stay
