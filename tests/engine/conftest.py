"""What the tests of the engine share."""

import pytest


@pytest.fixture
def pgn(tmp_path):
    """Writes games, as text, to a PGN file."""

    def write(*games: str):
        path = tmp_path / "games.pgn"
        path.write_text("".join(games))
        return path

    return write
