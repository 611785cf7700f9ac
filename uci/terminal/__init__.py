"""The terminal interface: the board, the game, tables."""
