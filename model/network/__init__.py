"""The networks in Haiku: both architectures, and the network file."""
