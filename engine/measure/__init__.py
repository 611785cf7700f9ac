"""What an engine solves and how fast it is: puzzles, speed."""
