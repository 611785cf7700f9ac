"""Encodings of chess for training and play: values, moves, tokens, attacks."""
