"""Inference: distributions over the win probability after each legal move."""
