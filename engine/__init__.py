"""From a network to a move: exact rules, value distributions, choice; and the measuring of strength."""
