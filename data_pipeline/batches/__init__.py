"""From a dataset to the batches of a training step, with Grain."""
