"""What all tests share: JAX on the CPU, Hypothesis without deadlines, a real Stockfish."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("JAX_PLATFORMS", "cpu")

settings.register_profile("here", deadline=None)  # compiling is slow
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def stockfish_path() -> str:
    """The path of a Stockfish; skips the test where there is none."""
    from data_pipeline.common.errors import ArgmaxError
    from engine.match.uci_client import find_stockfish

    try:
        return find_stockfish()
    except ArgmaxError as missing:
        pytest.skip(str(missing))
