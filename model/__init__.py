"""The network, its training and its evaluation.

Sub-packages and modules, each importing only those before it: `config`, `overrides`, `targets`
(what networks can predict: batches, loss, decoding for play), `network` (Haiku modules and the
network file), `inference` (move values from a network), `evaluation` (agreement with a teacher),
`training` (step, optimizer, loop, checkpoints).
"""
