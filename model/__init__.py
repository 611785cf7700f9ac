"""The decoder-only Transformer: configuration, forward pass, losses, training, network files."""
