"""Experiments on the library: losses, recipes, what networks attend to."""
