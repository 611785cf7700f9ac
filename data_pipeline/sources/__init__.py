"""Files in the field's formats -> records: FEN, PGN, Lichess evaluations, ChessBench."""
