"""A dataset -> the batches that a training step takes, with Grain."""
