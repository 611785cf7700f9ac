"""Stockfish as a ladder of levels, with a real one: its range, its games, going on from the PGN."""

import pytest

from data_pipeline.common.errors import InputError
from engine.match.openings import read_openings
from engine.match.player_specs import parse_spec
from engine.match.stockfish_ladder import LadderGames, levels_of, scale_text
from engine.match.uci_client import ExternalPlayer


@pytest.fixture(scope="module")
def ladder(stockfish_path):
    return levels_of(stockfish_path, step=500, movetime_s=0.01)


def test_levels_span_what_the_stockfish_offers(ladder):
    specs, levels, name = ladder
    known = [level for level in levels if level.elo is not None]
    assert len({spec.name for spec in specs}) == len(specs) == len(levels)
    assert len(known) >= 4 and known[0].elo >= 1300 and known[-1].elo >= 2800
    assert levels[0].name == "random" and levels[0].elo is None
    assert "Stockfish" in name and "UCI_Elo" in scale_text(name, 0.01)


def test_an_elo_outside_the_range_names_the_range(stockfish_path):
    spec = parse_spec(f"stockfish:elo=400,path={stockfish_path}")
    with (
        pytest.raises(InputError, match=r"expected elo=\d+ to \d+ of Stockfish"),
        ExternalPlayer(spec),
    ):
        pass


def test_rounds_are_written_and_gone_on_with(ladder, tmp_path):
    specs, levels, _ = ladder
    lowest = next(level.name for level in levels if level.elo is not None)
    pgn = tmp_path / "ladder.pgn"
    with LadderGames(specs, read_openings(), pgn=pgn, concurrency=2) as games:
        assert games.resume() == []
        first = games.play_round("random", lowest, 2)
    assert len(first) == 2 and {r.score if r.white == lowest else 1 - r.score for r in first} == {1}
    with LadderGames(specs, read_openings(), pgn=pgn, concurrency=2) as games:
        assert sorted(map(str, games.resume())) == sorted(map(str, first))
        second = games.play_round(lowest, "random", 2)
        assert len(games.records) == 4
    assert not {r.opening for r in second} & {r.opening for r in first}
