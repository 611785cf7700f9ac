"""Game review: how much win probability each move lost, and how hard the best move was to find."""
