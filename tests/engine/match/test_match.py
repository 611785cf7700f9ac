"""Matches: schedule, interruption and going on, faults, adjudication, SPRT, planted strength."""

import datetime
import gzip
import io
import shlex
import shutil
import sys
import threading
import time

import chess
import chess.pgn
import numpy as np
import pytest
import zstandard

from data_pipeline.common.errors import ArgmaxError, InputError
from engine.match import match
from engine.match import pgn as match_pgn
from engine.match.game import Pairing, judged_verdict, play_game
from engine.match.openings import read_openings
from engine.match.options import Adjudication, TimeControl
from engine.match.player_specs import parse_specs
from engine.match.players import RandomPlayer, Roster
from engine.match.stockfish_ladder import LadderGames
from engine.match.summary import report
from engine.match.uci_client import ExternalPlayer
from engine.rating.likelihood import outcome_probabilities
from engine.rating.sprt import Sprt, log_likelihood_ratio
from tests.helpers.paths import FIXTURES

STUB = f"{shlex.quote(sys.executable)} {FIXTURES / 'stub_engine.py'}"
TODAY = datetime.date(2026, 1, 2)
# White can mate (Qc1), stalemate (Qxa6), or let Black mate (Qc3 Qf1).
COIN = "2Q5/8/q7/8/8/8/3R4/1k1K4 w - - 0 1"
COIN_MOVES = {1.0: "c8c1", 0.5: "c8a6", 0.0: "c8c3"}


def play_all(texts, games, openings=None, stop_after=None, **config):
    """The records of a whole match; with ``stop_after`` of an interrupted one."""
    specs = parse_specs(texts)
    rules = match.MatchConfig(games, **config)
    planned = match.schedule([s.name for s in specs], openings or read_openings(), rules)
    records = []
    with Roster(specs) as roster:
        roster.prepare()
        for record in match.play(planned, roster, rules, threading.Event()):
            records.append(record)
            if len(records) == stop_after:
                break
    return planned, records


def test_every_opening_twice_with_colours_swapped():
    games = match.schedule(["a", "b", "c"], ["x", "y"], match.MatchConfig(4))
    assert len(games) == len({g.key for g in games}) == 12
    for first, second in zip(games[::2], games[1::2], strict=True):
        assert (first.white, first.black, first.fen) == (second.black, second.white, second.fen)
    gauntlet = match.schedule(["a", "b", "c"], ["x"], match.MatchConfig(2, gauntlet=True))
    assert all("a" in (g.white, g.black) for g in gauntlet) and len(gauntlet) == 4
    with pytest.raises(InputError, match="even number"):
        match.MatchConfig(3)


def test_games_do_not_depend_on_how_many_run_at_once():
    texts = ("random", "random:seed=7,name=other")
    alone = play_all(texts, 6)[1]
    together = play_all(texts, 6, concurrency=6)[1]
    by_key = {r.pairing.key: r.moves for r in together}
    assert by_key == {r.pairing.key: r.moves for r in alone}


def test_players_without_a_seed_draw_differently():
    specs = parse_specs(("random", "random:name=other", "random:seed=0,name=seeded"))
    drawn = []
    with Roster(specs) as roster:
        roster.prepare()
        for spec in specs:
            player, board = roster.seat(spec.name), chess.Board()
            player.new_game(0)
            for _ in range(20):
                board.push(player.play(board))
            drawn.append(board.move_stack)
    assert drawn[0] == drawn[2] != drawn[1]


def test_an_interrupted_match_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "games.pgn"
    texts = ("random", "random:seed=7,name=other")
    planned, records = play_all(texts, 6, stop_after=3)
    text = "".join(match_pgn.to_pgn(r, "test", TODAY, None) for r in records)
    cut = match_pgn.to_pgn(play_all(texts, 6)[1][-1], "test", TODAY, None)
    path.write_text(text + cut[: len(cut) // 2])
    resumed = match_pgn.resume(path, planned)
    assert path.read_text() == text
    for before, after in zip(records, resumed, strict=True):
        assert (before.pairing, before.moves, before.score) == (
            after.pairing,
            after.moves,
            after.score,
        )
        assert (before.termination, before.reason) == (after.termination, after.reason)
        np.testing.assert_allclose(before.times_s, after.times_s, atol=1e-4)
    with pytest.raises(InputError, match="games of this match"):
        match_pgn.resume(path, match.schedule(["x", "y"], read_openings(), match.MatchConfig(6)))


def test_pgn_is_what_others_read():
    record = play_all(("random", "random:seed=7,name=other"), 2)[1][0]
    text = match_pgn.to_pgn(record, "test", TODAY, TimeControl(10, 0.1))
    game = chess.pgn.read_game(io.StringIO(text))
    assert game is not None and not game.errors
    assert game.headers["TimeControl"] == "10+0.1" and game.headers["Termination"] == "normal"
    assert tuple(game.mainline_moves()) == record.moves


@pytest.mark.parametrize(
    ("mode", "kind", "termination"),
    [
        ("die", "crash", "abandoned"),
        ("illegal", "illegal move", "rules infraction"),
        ("null", "illegal move", "rules infraction"),
        ("late", "time loss", "time forfeit"),
    ],
)
def test_faults_are_counted_and_named(mode, kind, termination):
    control = TimeControl(0.3) if mode == "late" else None
    texts = (f"uci:{STUB} {mode},name=bad", "random")
    _, records = play_all(texts, 2, control=control)
    figures = report(records)
    assert figures["faults"] == {"bad": {kind: 2}}
    assert figures["terminations"] == {termination: 2}
    assert figures["pairings"][0]["losses"] == 2
    text = match_pgn.to_pgn(records[0], "test", TODAY, control)
    assert f'[Fault "bad: {kind}"]' in text


def test_odd_options_and_ponder_moves_cost_nothing(caplog, capfd):
    """Options of no known type or with impossible defaults; a ponder move that is illegal."""
    rules = Adjudication(max_moves=3)
    texts = (f"uci:{STUB} odd,name=odd,depth=1,option.GaviotaTbPath=x,option.Level=2", "random")
    _, records = play_all(texts, 2, adjudication=rules)
    assert report(records)["faults"] == {} and all(len(r.moves) == 6 for r in records)
    assert "ponder" not in caplog.text and "Traceback" not in capfd.readouterr().err
    with pytest.raises(InputError, match="expected an option of Stub"):
        play_all((f"uci:{STUB} odd,option.Y=1", "random"), 2)


@pytest.fixture(scope="module")
def played():
    """A match of four games, as its schedule and as PGN, game by game."""
    texts = ("random", 'random:seed=7,name=an [odd] "name"')
    planned, records = play_all(texts, 4, adjudication=Adjudication(max_moves=4))
    return planned, [match_pgn.to_pgn(r, match_pgn.MATCH, TODAY, None) for r in records]


def test_a_match_goes_on_wherever_its_file_was_cut(played, tmp_path):
    planned, games = played
    whole = "".join(games[:2])
    path = tmp_path / "games.pgn"
    for end in range(len(games[2])):
        path.write_text(whole + games[2][:end])
        found = len(match_pgn.resume(path, planned))
        assert found in (2, 3), games[2][:end]
        kept = path.read_text()
        assert kept.startswith(whole) and kept.endswith("\n\n")
        assert (found == 3) == (kept != whole) == games[2][:end].rstrip().endswith("} 1/2-1/2")


OTHERS = {
    "another game": '[Event "My only copy"]\n[White "Me"]\n[Result "1-0"]\n\n1. e4 e5 1-0',
    "another game, cut": '[Event "My only copy"]\n[White "Me"]\n\n1. e4 e',
    "a game of another match, cut": '[Event "Argmax match"]\n[Site "?"]\n[Round "9.9.9"]\n\n1.',
    "words": "Not a game at all",
    "tags alone": '[Event "x"]\n',
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("behind", [0, 1])
def test_a_file_of_others_is_left_as_it_is(played, tmp_path, other, behind):
    planned, games = played
    path = tmp_path / "games.pgn"
    text = ("".join(games[:2]) if behind else "") + OTHERS[other]
    path.write_text(text)
    with pytest.raises(InputError, match="games of this match") as found:
        match_pgn.resume(path, planned)
    assert len(str(found.value).splitlines()) == 1
    assert path.read_text() == text


NOTES = ("; a note\n", "{ a note }", "$1", "words", "2. e4 *", "*", "\n\n{ a note }")


@pytest.mark.parametrize("note", NOTES)
def test_what_somebody_wrote_behind_a_game_is_not_taken_for_one_cut_off(played, tmp_path, note):
    planned, games = played
    path = tmp_path / "games.pgn"
    path.write_text(text := "".join(games[:2]).rstrip() + " " + note)
    with pytest.raises(InputError, match="games of this match"):
        match_pgn.resume(path, planned)
    assert path.read_text() == text


def in_utf_16(text: bytes) -> bytes:
    return text.decode().encode("utf-16")


@pytest.mark.parametrize("convert", [zstandard.compress, gzip.compress, in_utf_16])
def test_games_of_this_match_that_text_cannot_be_added_to(played, tmp_path, convert):
    planned, games = played
    path = tmp_path / "games.pgn"
    path.write_bytes(data := convert("".join(games[:2]).encode()))
    with pytest.raises(InputError, match="games of this match as UTF-8 text"):
        match_pgn.resume(path, planned)
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["my-only-copy.pgn", "latin1.pgn", "rating.pgn.zst"])
@pytest.mark.parametrize("resume", ["match", "ladder"])
def test_someones_only_copy_is_not_touched(played, tmp_path, name, resume):
    path = tmp_path / name
    shutil.copy(FIXTURES / "cases" / name, path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="games of this match"):
        if resume == "match":
            match_pgn.resume(path, played[0])
        else:
            specs = parse_specs(["random", "random:seed=1,name=b"])
            LadderGames(specs, read_openings(), pgn=path).resume()
    assert path.read_bytes() == before


def test_two_matches_cannot_write_to_one_file(tmp_path):
    path = tmp_path / "games.pgn"
    path.symlink_to(tmp_path / "real.pgn")
    with match_pgn.locked(path):
        refused = pytest.raises(InputError, match=r"expected to write games to .* alone")
        with refused, match_pgn.locked(tmp_path / "real.pgn"):
            pass
        with match_pgn.locked(tmp_path / "another.pgn"), match_pgn.locked(None):
            pass
    with match_pgn.locked(path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["games.pgn"]
    with pytest.raises(InputError, match="found no place"), match_pgn.locked(tmp_path):
        pass


def test_openings_are_read_as_every_position(tmp_path):
    (fen,) = read_openings(FIXTURES / "cases" / "clocks.epd")
    assert fen == "8/8/8/4k3/8/1Q6/1P6/K7 w - - 95 130"
    assert len(read_openings(FIXTURES / "cases" / "operations.epd")) == 4
    assert len(read_openings(FIXTURES / "cases" / "bom.epd")) == 2
    path = tmp_path / "openings.epd"
    for text in ("7k/5Q2/6K1/8/8/8/8/8 b - -", "1rk2r2/8/8/8/8/8/8/1RK2R2 w FBfb - 0 1", "x"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"openings.epd:1, found"):
            read_openings(path)


def test_an_engine_that_dies_at_its_start_stops_the_match_before_it_begins():
    with pytest.raises(ArgmaxError, match="failed at its start"):
        play_all((f"uci:{STUB} die-at-start", "random"), 2)
    with pytest.raises(ArgmaxError, match="no-such-program"):
        play_all(("uci:no-such-program", "random"), 2)
    with pytest.raises(InputError, match="expected an option of Stub"):
        play_all((f"uci:{STUB},option.Colour=red", "random"), 2)


def test_a_hanging_engine_loses_on_time(monkeypatch):
    monkeypatch.setattr("engine.match.uci_client.PATIENCE_S", 0.3)
    _, records = play_all((f"uci:{STUB} hang,name=bad,depth=1", "random"), 2)
    assert report(records)["faults"] == {"bad": {"time loss": 2}}


def test_overhead_of_a_move_is_under_3_ms():
    """Two engines that answer at once: our process's own CPU time is what a move costs us."""
    specs = parse_specs([f"uci:{STUB},depth=1,name=one", f"uci:{STUB},depth=1,name=two"])
    with ExternalPlayer(specs[0]) as one, ExternalPlayer(specs[1]) as two:
        start = time.process_time()
        pairing = Pairing("1.1.1", 0, "one", "two", read_openings()[0])
        record = play_game(pairing, one, two, Adjudication())
        spent = time.process_time() - start
    assert len(record.moves) >= 10 and spent / len(record.moves) < 0.003


def test_the_judge_ends_clear_games():
    rule = Adjudication(win_checks=3, draw_checks=2, draw_after_move=10)
    assert judged_verdict([900, 2000, 2000], 5, rule) is None
    won = judged_verdict([0, 1500, 2000, 2000], 5, rule)
    lost = judged_verdict([-1500, -2000, -2000], 5, rule)
    drawn = judged_verdict([5, -5], 10, rule)
    assert won and won[0] == 1.0 and lost and lost[0] == 0.0 and drawn and drawn[0] == 0.5
    assert judged_verdict([5, -5], 9, rule) is None
    judge = parse_specs([f"uci:{STUB},depth=1"])[0]
    _, records = play_all(("random", "random:seed=1,name=other"), 2, judge=judge)
    assert {r.termination for r in records} == {"adjudication"}
    assert all(len(r.moves) <= 8 for r in records)


def test_rules_end_games():
    dance = ["b1c3", "b8c6", "c3b1", "c6b8"] * 2

    class Dancer:
        def new_game(self, number):
            pass

        def play(self, board, limit=None):
            return chess.Move.from_uci(dance[len(board.move_stack)])

        def close(self):
            pass

    pairing = Pairing("1.1.1", 0, "a", "b", chess.STARTING_FEN)
    record = play_game(pairing, Dancer(), Dancer(), Adjudication())
    assert (record.score, record.reason) == (0.5, "threefold repetition")
    record = play_game(pairing, RandomPlayer(), RandomPlayer(1), Adjudication(max_moves=3))
    assert len(record.moves) == 6 and record.termination == "adjudication"


class CoinPlayer:
    """Plays COIN to an outcome drawn from the players' planted ratings."""

    def __init__(self, rng, elo_advantage: float) -> None:
        self.rng, self.elo_advantage = rng, elo_advantage

    def new_game(self, number: int) -> None:
        pass

    def play(self, board, limit=None):
        if board.turn == chess.BLACK:
            return chess.Move.from_uci("a6f1")
        chances = np.array(outcome_probabilities(self.elo_advantage, 0.3))
        score = self.rng.choice([1.0, 0.5, 0.0], p=chances / chances.sum())
        return chess.Move.from_uci(COIN_MOVES[float(score)])

    def close(self) -> None:
        pass


def test_planted_200_elo_is_covered_in_at_least_27_of_30_matches():
    rng = np.random.default_rng(3)
    planned = match.schedule(["a", "b"], [COIN] * 40, match.MatchConfig(80))
    seats = {"a": CoinPlayer(rng, 200.0), "b": CoinPlayer(rng, -200.0)}
    covered, superior = 0, 0
    for _ in range(30):
        records = [play_game(p, seats[p.white], seats[p.black], Adjudication()) for p in planned]
        line = report(records)["pairings"][0]
        low, high = line["elo_interval_95"]
        covered += low <= 200.0 <= high
        superior += line["likelihood_of_superiority"] > 0.95
    assert covered >= 27 and superior == 30


def test_sprt_accepts_the_truth():
    test = Sprt(0.0, 40.0, 0.05, 0.05)
    assert test.bounds == pytest.approx((-2.944, 2.944), abs=1e-3)
    rng = np.random.default_rng(4)
    wrong = 0
    for truth, expected in ((0.0, "elo0"), (40.0, "elo1")):
        score = 1 / (1 + 10 ** (-truth / 400))
        for _ in range(60):
            pairs: list[float] = []
            while (found := test.decision(pairs)) is None:
                pairs.extend((rng.random((10, 2)) < score).sum(axis=1).astype(float))
            wrong += found != expected
    assert wrong <= 12
    assert log_likelihood_ratio([], 0, 10) == 0.0
    with pytest.raises(InputError, match="below"):
        Sprt(5.0, 0.0, 0.05, 0.05)
