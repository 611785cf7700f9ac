"""``python -m uci`` and the command ``argmax-uci``: the same as ``argmax uci``."""

import sys

from uci.cli import main as argmax


def main() -> int:
    """The UCI engine; its arguments, all optional, are those of ``argmax uci``."""
    return argmax(["uci", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
