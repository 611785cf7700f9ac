"""The other systems of Farebrother et al. 2024, "Stop Regressing", small, with the same losses.

The paper compares losses for value functions on five kinds of problems. One of them, chess without
search, is what this project is about. These are the other four, each in a file that runs alone:

========================= ======================================================================
soft_moe.py               online deep Q-learning on a game, with a soft mixture of experts
multi_task.py             one network that learns four games online
many_actions.py           offline, an action of many dimensions decoded one after the other
wordle.py                 offline, a Transformer that guesses words letter by letter
========================= ======================================================================

All learn with `model.targets.value_losses`, unchanged, through `returns.py`. The first two share
`dqn.py` and the games of `minatar.py`, the last two `offline.py`; `arm.py` is the robot of
many_actions. `cells.py` has the settings of one training, `grid.py` the grid of all of them, and
`summary.py` what came out.
"""
