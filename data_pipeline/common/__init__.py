"""Shared by all packages: errors, files, intervals, the terminal."""
