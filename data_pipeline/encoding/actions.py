"""Action ids: the 1968 possible moves of any piece, in the order of Ruoss et al. 2024.

For each square in ascending order the queen's moves, then the knight's, as python-chess lists
attacks on an empty board; then all promotions (``src/utils.py`` of their code). Actions are
absolute: the same move of White and of Black has the same id. Castling is the king's move.
"""

import chess

NUM_ACTIONS = 1968


def _all_moves() -> list[str]:
    board = chess.BaseBoard.empty()
    moves = []
    for source in chess.SQUARES:
        for piece in (chess.QUEEN, chess.KNIGHT):
            board.set_piece_at(source, chess.Piece(piece, chess.WHITE))
            names = (chess.square_name(target) for target in board.attacks(source))
            moves += [chess.square_name(source) + name for name in names]
        board.remove_piece_at(source)
    return moves + _promotions()


def _promotions() -> list[str]:
    moves = []
    for rank, last_rank in (("2", "1"), ("7", "8")):
        for file in range(8):
            for target in (file, file - 1, file + 1):
                if 0 <= target < 8:
                    move = chess.FILE_NAMES[file] + rank + chess.FILE_NAMES[target] + last_rank
                    moves += [move + piece for piece in "qrbn"]
    return moves


MOVES: tuple[str, ...] = tuple(_all_moves())
"""UCI strings by action id."""

ACTIONS: dict[str, int] = {move: action for action, move in enumerate(MOVES)}
"""Action ids by UCI string."""

CHESS_MOVES: tuple[chess.Move, ...] = tuple(map(chess.Move.from_uci, MOVES))
"""`chess.Move` by action id."""


def action_of(move: chess.Move) -> int:
    """The action id of a move. Raises KeyError for null moves and drops."""
    return ACTIONS[move.uci()]


def move_of(action: int) -> chess.Move:
    """The move of an action id; the inverse of `action_of`."""
    return CHESS_MOVES[action]
