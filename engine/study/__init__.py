"""Experiments: losses, recipes, attention."""
