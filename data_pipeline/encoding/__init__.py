"""Chess as numbers, the same in training and in play: values, moves, tokens, attacks."""
