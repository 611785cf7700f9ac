"""From files of positions to batches of a training step.

Sub-packages, each importing only those before it: `common` (errors, files, intervals, the
terminal), `encoding` (chess as numbers), `dataset` (the format on disk), `sources` (files to
records), `teachers` (engines and tables that score positions), `beam` (records to a dataset),
`batches` (a dataset to the batches of a training step).
"""
