"""Files in common formats -> records: FEN, PGN, Lichess evaluations, ChessBench."""
