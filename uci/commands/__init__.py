"""One module per ``argmax`` subcommand: ``Args`` (a dataclass) and ``run(args) -> int``."""
