"""What several tests need: a real Stockfish."""

import pytest

from data_pipeline.errors import ArgmaxError
from engine.external import find_stockfish


@pytest.fixture(scope="session")
def stockfish_path() -> str:
    """The path of a Stockfish; skips the test where there is none."""
    try:
        return find_stockfish()
    except ArgmaxError as missing:
        pytest.skip(str(missing))
