"""Losses, optimizer, training loop, checkpoints."""
