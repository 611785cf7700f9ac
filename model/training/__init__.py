"""Training: loss, optimizer, loop, checkpoints, logs."""
