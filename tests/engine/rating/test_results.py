"""Results from the tags of PGN files, whoever wrote them."""

import subprocess
import sys

import pytest

from data_pipeline.common.errors import InputError
from engine.rating.results import read_results
from tests.helpers.paths import FIXTURES

CASES = FIXTURES / "cases"


def points(name: str) -> dict[str, tuple[float, int]]:
    """Points and games of each player."""
    found: dict[str, tuple[float, int]] = {}
    for result in read_results([CASES / name]).games:
        for player, score in ((result.white, result.score), (result.black, 1 - result.score)):
            before, games = found.get(player, (0.0, 0))
            found[player] = before + score, games + 1
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("elo-no-blank-lines.pgn", {"A": (2.5, 4), "B": (1.5, 4)}),
        ("elo-headers-only.pgn", {"A": (2.5, 3), "B": (0.0, 3), "C": (1.5, 2)}),
        ("one-game-against-itself.pgn", {"A": (1.5, 2), "B": (0.5, 2)}),
        ("draw-spellings.pgn", {"A": (4.5, 6), "B": (1.5, 6)}),
        ("latin1.pgn", {"M\u00fcller": (1.0, 1), "Friend": (0.0, 1)}),
    ],
)
def test_every_game_counts(name, expected):
    assert points(name) == expected


def test_compressed_files():
    assert sum(games for _, games in points("rating.pgn.zst").values()) >= 80


def test_what_does_not_count_is_counted_and_named(tmp_path):
    assert read_results([CASES / "one-game-against-itself.pgn"]).left_out == {
        "with one name on both sides": 1
    }
    assert read_results([CASES / "draw-spellings.pgn"]).left_out == {"without a result": 2}
    path = tmp_path / "games.pgn"
    path.write_text('[White "A"]\n[Black "B"]\n\n1. e4 1-0\n\n1. d4 0-1\n')
    assert read_results([path]).left_out == {"without tags": 1}
    path.write_text("1. e4 *\n")
    with pytest.raises(InputError, match=r"found none \(1 without tags\)"):
        read_results([path])


def test_reading_results_loads_no_engine():
    code = "import sys, engine.rating.results; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jax", "apache_beam", "bagz", "chess.engine"} & set(found.stdout.split())
