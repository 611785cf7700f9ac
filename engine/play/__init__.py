"""Values and the rules of chess -> a move."""
