"""What every package may use: errors, files, intervals, the terminal."""
