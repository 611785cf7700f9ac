"""Games between players: networks, Stockfish's levels, any UCI program."""
