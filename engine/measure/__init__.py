"""Measurements of an engine: puzzles, results of games, speed."""
