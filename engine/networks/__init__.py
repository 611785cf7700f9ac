"""The networks that ship with Argmax."""

from pathlib import Path

DEFAULT_NETWORK = "argmax-8.safetensors"


def shipped_network() -> Path:
    """The network that plays by default."""
    return Path(__file__).with_name(DEFAULT_NETWORK)
