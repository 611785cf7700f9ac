"""`argmax review` from end to end without a network: forms, files, bad input."""

import io
import json
from collections.abc import Callable

import chess.pgn
import pytest
import zstandard

from engine import play as engine_play
from engine.play.engine import SearchlessEngine
from tests.engine.review.test_review import MATE
from tests.helpers.fakes import FakePredictor
from uci.cli import main

FIELDS = {"ply", "san", "win_prob", "given_away", "judgement", "best"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with games, plain and compressed."""
    place = tmp_path_factory.mktemp("review")
    (place / "game.pgn").write_text(MATE)
    many = (MATE + "\n") * 4 + '[Variant "Atomic"]\n\n1. e4 *\n'
    (place / "games.pgn.zst").write_bytes(zstandard.compress(many.encode()))
    (place / "empty.pgn").write_text("")
    (place / "broken.pgn.zst").write_bytes(zstandard.compress(many.encode())[:-9])
    return place


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs `argmax review` with a predictor that needs no JAX; status, standard output, error."""
    engine = SearchlessEngine(FakePredictor())
    monkeypatch.setattr(engine_play, "load_engine", lambda path: engine)

    def run(*argv) -> tuple[int, str, str]:
        status = main(["review", *map(str, argv)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_json_and_files(place, run):
    status, out, _ = run(place / "game.pgn", "--json", "--out", place / "out")
    (game,) = json.loads(out)["games"]
    assert status == 0 and game["white"] == "Anna" and set(game["accuracy"]) == {"white", "black"}
    assert [move["ply"] for move in game["moves"]] == list(range(1, 8))
    assert all(set(move) >= FIELDS for move in game["moves"])
    assert game["moves"][-1]["verdict"] == "checkmate" and game["moves"][-1]["win_prob"] == 1
    annotated = chess.pgn.read_game(io.StringIO((place / "out" / "review.pgn").read_text()))
    assert annotated and annotated.end().ply() == 7
    page = (place / "out" / "review.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "Anna" in page and "<script" not in page


def test_many_games_are_a_table_of_players(place, run):
    status, out, err = run(place / "games.pgn.zst")
    assert status == 0 and "Anna" in out and "Bert" in out and "accuracy" in out
    assert "1 games left out: variant" in err
    status, out, _ = run(place / "games.pgn.zst", "--limit", 2, "--json")
    assert len(json.loads(out)["games"]) == 2


def test_one_game_is_shown_in_full(place, run):
    status, out, _ = run(place / "game.pgn")
    assert status == 0 and "Anna" in out and "without search" in out


@pytest.mark.parametrize("name", ["empty.pgn", "broken.pgn.zst", "missing.pgn", ""])
def test_bad_input_is_one_line(place, run, name):
    status, out, err = run(place / name)
    assert status == 2 and not out
    assert err.startswith("argmax review: expected ") and err.count("\n") == 1
