"""Teachers: Stockfish, exact endgame tables, and self-play that uses them."""
