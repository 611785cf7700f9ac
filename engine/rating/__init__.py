"""Results of games -> Elo, with intervals; loads no engine."""
