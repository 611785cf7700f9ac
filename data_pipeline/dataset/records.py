"""A position with all its scored moves, and its binary encoding.

Layout, version 1 (little-endian; about 90 bytes at 27 moves):

    1   flags: bit 0 Black is to move, bit 1 all legal moves are scored, bit 2 the clocks are known,
        bit 3 the position itself has a score, bit 4 the move played is known,
        bit 5 only the best moves were scored at the teacher's depth
    1   castling rights, bits K Q k q from the lowest; bits 4-7 are 0
    1   en passant square, 255 for none
    1   the teacher's depth in plies, 0 if unknown
    8   occupied squares as a bitboard
    n   for each occupied square, from a1 up, a nibble: piece type 1-6, plus 8 if black
    3   clocks if known: half-move clock (1), full-move number (2), 0 if only the first is known
    2   the position's own score, if there is one
    2   the action id of the move played, if known
    2   with bit 5: the depth of the other moves' scores, and the number of moves at the teacher's
    3   number of moves that mate, number of moves that get mated, number of moves (1 each)
    11/8 for each move its action id in 11 bits, best score first, padded to a whole byte
    1   for each mate its distance in moves: mating moves, then mated ones
    ~1  centipawns: the best as int16, then for each move by how much it is below the one before it:
        a byte, where 255 means "255 and more to come"
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import chess
import numpy as np

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.values import MATE, MAX_CENTIPAWNS, ValueBins, win_probability

BLACK, COMPLETE, CLOCKS, STATE_SCORE, PLAYED, STAGED = 1, 2, 4, 8, 16, 32
_NO_SQUARE = 255
ACTION_BITS = 11
MAX_MOVES = 255
"""Most scored moves of a record; positions of games have at most 218."""
_HEADER = struct.Struct("<BBBBQ")
_CLOCK_FIELDS = struct.Struct("<BH")
_STAGE_FIELDS = struct.Struct("<BB")
_INT16, _UINT16 = struct.Struct("<h"), struct.Struct("<H")
OPTIONAL_SIZES = {
    CLOCKS: _CLOCK_FIELDS.size,
    STATE_SCORE: _INT16.size,
    PLAYED: _UINT16.size,
    STAGED: _STAGE_FIELDS.size,
}
"""Sizes in bytes of the optional fields by flag, in their order."""
_POWERS = 1 << np.arange(ACTION_BITS)[::-1]
_RIGHTS = (chess.BB_H1, chess.BB_A1, chess.BB_H8, chess.BB_A8)

Keyed = tuple[bytes, bytes, str]
"""A position's hash, its encoded record, and the split chosen by the user (or an empty string)."""


@dataclass(frozen=True, eq=False)
class PositionRecord:
    """A position and the teacher's scores of its moves, best first, for the side to move."""

    board: chess.Board
    """Without move stack; `en_passant` is kept only if the capture is legal."""
    actions: np.ndarray
    """[M] uint16 action ids, in the order of the scores; equal scores by action id."""
    scores: np.ndarray
    """[M] int16 scores (see `data_pipeline.encoding.values`), descending."""
    depth: int = 0
    """The teacher's search depth in plies; 0 if unknown."""
    complete: bool = True
    """Whether all legal moves are included."""
    clocks: bool = False
    """Whether the half-move clock of `board` is known, and unless it is 0 the full-move number."""
    state_score: int | None = None
    """The teacher's score of the position itself, if a source has one."""
    played: int | None = None
    """The action id of the move played, if the position comes from a game."""
    shallow_depth: int | None = None
    """The depth at which the moves after the first `deep_moves` were scored, if it differs; see
    `merging`."""
    deep_moves: int = 0
    """With a `shallow_depth`: the number of (best) moves that were scored at `depth`."""

    @property
    def ply(self) -> int | None:
        """Half-moves since the start of the game, by the full-move number; None if unknown."""
        return self.board.ply() if self.clocks and self.board.fullmove_number else None

    @property
    def win_probs(self) -> np.ndarray:
        """[M] float64: win probabilities for the side to move."""
        return win_probability(self.scores)


def make_record(
    board: chess.Board,
    actions: np.ndarray,
    scores: np.ndarray,
    *,
    depth: int = 0,
    complete: bool = True,
    clocks: bool = False,
    state_score: int | None = None,
    played: int | None = None,
) -> PositionRecord:
    """A record from actions [M] and their scores [M] in any order."""
    order = np.lexsort((actions, -np.asarray(scores, np.int32)))
    board = board.copy(stack=False)
    if not board.has_legal_en_passant():
        board.ep_square = None
    return PositionRecord(
        board,
        np.asarray(actions, np.uint16)[order],
        np.asarray(scores, np.int16)[order],
        depth,
        complete,
        clocks,
        state_score,
        played,
    )


def encode(record: PositionRecord) -> bytes:
    """A record -> its bytes. Raises ValueError for more than 255 mates on a side or depth > 255."""
    board, scores = record.board, record.scores.astype(np.int32)
    mating = int((scores > MAX_CENTIPAWNS).sum())
    mated = int((scores < -MAX_CENTIPAWNS).sum())
    middle = scores[mating : len(scores) - mated]
    distances = MATE - np.abs(np.concatenate([scores[:mating], scores[len(scores) - mated :]]))
    return b"".join(
        (
            _encode_position(record),
            _CLOCK_FIELDS.pack(min(board.halfmove_clock, 255), min(board.fullmove_number, 65_535))
            if record.clocks
            else b"",
            b"" if record.state_score is None else _INT16.pack(record.state_score),
            b"" if record.played is None else _UINT16.pack(record.played),
            b""
            if record.shallow_depth is None
            else _STAGE_FIELDS.pack(record.shallow_depth, record.deep_moves),
            bytes((mating, mated, len(scores))),
            pack_actions(record.actions),
            distances.astype(np.uint8).tobytes(),
            _pack_falling(middle),
        )
    )


def decode(data: bytes) -> PositionRecord:
    """Bytes -> the record; the inverse of `encode`. Raises InputError if they are truncated."""
    try:
        return _decode(data)
    except (struct.error, IndexError, ValueError) as error:
        raise InputError(f"expected a position record, found {len(data)} bytes: {error}") from None


def num_scored_moves(data: bytes) -> int:
    """The number of scored moves in an encoded record, without decoding the rest."""
    return data[scores_start(data) + 2]


def knows_clocks(encoded: Sequence[bytes]) -> bool:
    """Whether any of the first thousand encoded records has known clocks."""
    return any(encoded[i][0] & CLOCKS for i in range(min(1000, len(encoded))))


def has_value(data: bytes) -> bool:
    """Whether an encoded record has a value: its own score, or those of all moves."""
    return bool(data[0] & STATE_SCORE) or _all_scored(data)


def has_choice(data: bytes) -> bool:
    """Whether an encoded record has a move to learn: the one played, or the best of all moves."""
    return bool(data[0] & PLAYED) or _all_scored(data)


def _all_scored(data: bytes) -> bool:
    return bool(data[0] & COMPLETE) and num_scored_moves(data) > 0


def value_of(data: bytes) -> int | None:
    """The best move's score in an encoded record, or without moves the position's own, if any."""
    at = scores_start(data)
    mating, mated, count = data[at : at + 3]
    if not count:
        own = at - _INT16.size - _UINT16.size * bool(data[0] & PLAYED)
        return _INT16.unpack_from(data, own)[0] if data[0] & STATE_SCORE else None
    at += 3 + (count * ACTION_BITS + 7) // 8
    if mating:
        return MATE - data[at]
    return data[at] - MATE if mated == count else _INT16.unpack_from(data, at + mated)[0]


def scores_start(data: bytes) -> int:
    flags, _, _, _, occupied = _HEADER.unpack_from(data)
    return (
        _HEADER.size
        + (occupied.bit_count() + 1) // 2
        + sum(size for flag, size in OPTIONAL_SIZES.items() if flags & flag)
    )


def _decode(data: bytes) -> PositionRecord:
    flags, depth, board, at = decode_position(data)
    if flags & CLOCKS:
        board.halfmove_clock, board.fullmove_number = _CLOCK_FIELDS.unpack_from(data, at)
        at += _CLOCK_FIELDS.size
    state_score = played = None
    if flags & STATE_SCORE:
        (state_score,) = _INT16.unpack_from(data, at)
        at += _INT16.size
    if flags & PLAYED:
        (played,) = _UINT16.unpack_from(data, at)
        at += _UINT16.size
    shallow_depth, deep_moves = None, 0
    if flags & STAGED:
        shallow_depth, deep_moves = _STAGE_FIELDS.unpack_from(data, at)
        at += _STAGE_FIELDS.size
    mating, mated, count = data[at], data[at + 1], data[at + 2]
    at += 3
    packed = np.frombuffer(data, np.uint8, offset=at)
    length = (count * ACTION_BITS + 7) // 8
    actions = unpack_actions(packed[:length], count)
    distances = packed[length : length + mating + mated].astype(np.int16)
    scores = np.concatenate(
        (
            MATE - distances[:mating],
            _unpack_falling(packed[length + mating + mated :], count - mating - mated),
            distances[mating:] - MATE,
        )
    ).astype(np.int16)
    if len(scores) != count:
        raise IndexError(f"{count} moves announced, {len(scores)} scores found")
    complete, clocks = bool(flags & COMPLETE), bool(flags & CLOCKS)
    return PositionRecord(
        board,
        actions,
        scores,
        depth,
        complete,
        clocks,
        state_score,
        played,
        shallow_depth,
        deep_moves,
    )


def _encode_position(record: PositionRecord) -> bytes:
    board = record.board
    flags = BLACK * (not board.turn) + COMPLETE * record.complete + CLOCKS * record.clocks
    flags += STATE_SCORE * (record.state_score is not None) + PLAYED * (record.played is not None)
    flags += STAGED * (record.shallow_depth is not None)
    rights = sum(bool(board.castling_rights & mask) << bit for bit, mask in enumerate(_RIGHTS))
    en_passant = _NO_SQUARE if board.ep_square is None else board.ep_square
    header = _HEADER.pack(flags, rights, en_passant, record.depth, board.occupied)
    black = board.occupied_co[chess.BLACK]
    nibbles = [
        (board.piece_type_at(square) or 0) + 8 * (black >> square & 1)
        for square in chess.scan_forward(board.occupied)
    ]
    nibbles += [0] * (len(nibbles) % 2)
    return header + bytes(a | b << 4 for a, b in zip(nibbles[::2], nibbles[1::2], strict=True))


def decode_position(data: bytes) -> tuple[int, int, chess.Board, int]:
    """Bytes -> flags, depth, the board without clocks, and the offset at which the position
    ends."""
    flags, rights, en_passant, depth, occupied = _HEADER.unpack_from(data)
    masks = [0] * 16
    at, low = _HEADER.size, True
    for square in chess.scan_forward(occupied):
        masks[data[at] & 15 if low else data[at] >> 4] |= 1 << square
        at, low = (at, False) if low else (at + 1, True)
    board = chess.Board(None)
    board.pawns, board.knights, board.bishops = (masks[k] | masks[k + 8] for k in (1, 2, 3))
    board.rooks, board.queens, board.kings = (masks[k] | masks[k + 8] for k in (4, 5, 6))
    black = masks[9] | masks[10] | masks[11] | masks[12] | masks[13] | masks[14]
    board.occupied, board.occupied_co = occupied, [black, occupied & ~black]
    board.turn = not flags & BLACK
    board.castling_rights = sum(mask for bit, mask in enumerate(_RIGHTS) if rights >> bit & 1)
    board.ep_square = None if en_passant == _NO_SQUARE else en_passant
    return flags, depth, board, at if low else at + 1


def pack_actions(actions: np.ndarray) -> bytes:
    bits = actions[:, None] >> np.arange(ACTION_BITS, dtype=np.uint16)[::-1] & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def unpack_actions(packed: np.ndarray, count: int) -> np.ndarray:
    bits = np.unpackbits(packed, count=count * ACTION_BITS)
    return (bits.reshape(count, ACTION_BITS) @ _POWERS).astype(np.uint16)


def _pack_falling(scores: np.ndarray) -> bytes:
    """[N] descending ints -> the first as int16, then the falls; see the module's docstring."""
    if not len(scores):
        return b""
    falls = -np.diff(scores)
    units = b"".join(b"\xff" * int(fall // 255) + bytes((int(fall % 255),)) for fall in falls)
    return _INT16.pack(scores[0]) + units


def _unpack_falling(packed: np.ndarray, count: int) -> np.ndarray:
    if not count:
        return np.zeros(0, np.int32)
    first = packed[:2].copy().view("<i2").astype(np.int32)
    falls = packed[2:]
    fallen = np.cumsum(falls, dtype=np.int32)[falls != 255]
    return np.concatenate((first, first - fallen))


def state_score(record: PositionRecord) -> int | None:
    """A position's value for the side to move, or None if it is unknown."""
    if record.state_score is None and record.complete and len(record.scores):
        return int(record.scores[0])
    return record.state_score


def choice(record: PositionRecord) -> int | None:
    """The action id of the move to learn, or None if it is unknown."""
    if record.played is None and record.complete and len(record.actions):
        return int(record.actions[0])
    return record.played


UNKNOWN = -1


def value_bin(data: bytes, bins: ValueBins) -> int:
    """The bin of an encoded position's value (see `value_of`), or UNKNOWN."""
    score = value_of(data)
    return UNKNOWN if score is None else int(bins.bin_of(win_probability(score)))
