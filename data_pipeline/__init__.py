"""From files of positions to batches of a training step.

Rooms, each importing only those before it: `common` (errors, files, intervals, the terminal),
`encoding` (chess as numbers), `dataset` (what is on disk), `sources` (files to records),
`teachers` (who scores positions), `beam` (records to a dataset), `batches` (a dataset to what a
training step takes).
"""
