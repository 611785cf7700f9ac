"""Who scores positions: Stockfish, exact endgames, and the games that need both."""
