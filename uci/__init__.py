"""The front-ends: the UCI protocol, the terminal game, and the ``argmax`` command."""
