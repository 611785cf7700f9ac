"""The phase of the game, from the position alone."""

import chess

PHASES = ("opening", "middlegame", "endgame")

# Lichess's phases by material: few pieces besides pawns mean an endgame; almost all of them, and
# castling rights, an opening.
ENDGAME_PIECES, OPENING_PIECES = 6, 12


def phase_of(board: chess.Board) -> int:
    """The index in PHASES, from the number of knights, bishops, rooks and queens of both sides.

    At most 6: endgame; at least 12, and castling rights: opening; otherwise: middlegame.
    """
    pieces = (board.occupied & ~board.pawns & ~board.kings).bit_count()
    if pieces <= ENDGAME_PIECES:
        return 2
    return 0 if pieces >= OPENING_PIECES and board.castling_rights else 1
