"""Games judged move by move: what each move gave away, and how hard it was to find."""
