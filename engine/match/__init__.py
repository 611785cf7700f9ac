"""Games between players: networks, Stockfish at any level, other UCI programs."""
