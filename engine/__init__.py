"""From a network to a move: exact rules, value distributions, choice; measures of strength."""
