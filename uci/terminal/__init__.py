"""What a person sees in the terminal: the board, the game, tables."""
