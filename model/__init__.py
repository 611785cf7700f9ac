"""The network, its training and its evaluation.

Sub-packages and modules, each importing only those before it: `config`, `overrides`, `targets`
(what networks can predict: batches, losses, how play reads it), `network` (Haiku modules and the
network file), `inference` (a network's values of moves), `evaluation` (agreement with a teacher),
`training` (the step, optimizer, loop, checkpoints).
"""
