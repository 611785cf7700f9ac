"""From move values to moves, games and ratings.

Sub-packages, each importing only those before it: `networks` (the weights that ship), `play`
(values and rules -> a move), `rating` (results -> Elo), `match` (games between players), `measure`
(puzzles, speed), `report` (charts and pages), `study` (experiments; not needed to play).
"""
