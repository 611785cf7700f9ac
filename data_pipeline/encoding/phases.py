"""The phases of a game, told from a position alone."""

import chess

PHASES = ("opening", "middlegame", "endgame")

# Lichess's phases by material: few heavy and light pieces make an endgame, a nearly full set with
# castling rights left an opening.
ENDGAME_PIECES, OPENING_PIECES = 6, 12


def phase_of(board: chess.Board) -> int:
    """The index in PHASES, from the knights, bishops, rooks and queens on the board.

    At most 6 of both sides: endgame; at least 12 and a king that may still castle: opening.
    """
    officers = (board.occupied & ~board.pawns & ~board.kings).bit_count()
    if officers <= ENDGAME_PIECES:
        return 2
    return 0 if officers >= OPENING_PIECES and board.castling_rights else 1
