"""``python -m uci``: the same as ``argmax uci``."""

import sys

from uci.cli import main

sys.exit(main(["uci", *sys.argv[1:]]))
