"""One module per ``argmax`` subcommand, each with an ``Args`` dataclass and ``run(args) -> int``."""
