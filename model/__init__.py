"""The network, its training and its evaluation.

Rooms, each importing only those before it: `config`, `overrides`, `network` (Haiku modules and the
network file), `inference` (a network's values of moves), `evaluation` (agreement with a teacher),
`training` (losses, optimizer, loop, checkpoints).
"""
