"""One module for each ``argmax`` subcommand: ``Args`` (a dataclass) and ``run(args) -> int``."""
