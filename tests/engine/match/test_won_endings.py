"""Won endings: positions that are won, and games of them."""

import json

import chess

from data_pipeline.teachers import retrograde
from engine.match import won_endings as conversion
from engine.match.game import GameRecord, Pairing
from uci.cli import main


def test_positions_are_won_for_the_stronger_side():
    for ending in ("KRK", "KPK"):
        found = conversion.won_positions(ending, 60, 1)
        assert {board.turn == winner for board, winner in found} == {True, False}
        for board, winner in found:
            assert (retrograde.value(board) > 0) == (board.turn == winner)
            assert board.occupied_co[winner].bit_count() == 2


def test_moves_that_keep_the_result():
    boards = conversion.critical_positions("KPK", 20, 1)
    best = [max(retrograde.move_scores(b).items(), key=lambda item: item[1])[0] for b in boards]
    worst = [min(retrograde.move_scores(b).items(), key=lambda item: item[1])[0] for b in boards]
    assert conversion.moves_summary(boards, best)["kept"] == 20
    figures = conversion.moves_summary(boards, worst)
    assert figures["kept"] == 0 < figures["kept_interval_95"][1]
    blocked = chess.Board("8/8/8/4k3/8/4P3/4K3/8 w - - 0 1")  # a draw with either side to move
    waiting = chess.Move.from_uci("e2f3")
    assert conversion.moves_summary([blocked], [waiting])["kept"] == 1


def test_moves_that_come_nearer_to_the_mate():
    boards = conversion.winning_positions("KRK", 30, 1)
    assert all(retrograde.value(board) > 0 for board in boards)
    scores = [retrograde.move_scores(board) for board in boards]
    best = [max(found, key=found.__getitem__) for found in scores]
    slow = [min((m for m in f if f[m] > 0), key=f.__getitem__) for f in scores]
    assert conversion.progress_summary(boards, best)["moves_lost"] == 0
    figures = conversion.progress_summary(boards, slow)
    low, high = figures["moves_lost_interval_95"]
    assert 0 < low < figures["moves_lost"] < high


def test_summary():
    won = Pairing("KRK.1", 0, "us", "them", "7k/8/6K1/8/8/8/8/R7 w - - 0 1")
    drawn = Pairing("KRK.2", 1, "them", "us", "7k/8/6K1/8/8/8/8/R7 w - - 0 1")
    records = [
        GameRecord(won, (chess.Move.from_uci("a1a8"),), (0.0,), 1.0, "normal", "White mates"),
        GameRecord(drawn, (), (), 0.5, "normal", "50-move rule"),
    ]
    figures = conversion.summary(records, "us")
    assert (figures["games"], figures["won"], figures["drawn"], figures["lost"]) == (2, 1, 1, 0)
    assert figures["moves"] == figures["shortest"] == 1
    assert figures["not_won"] == {"50-move rule": 1}
    low, high = figures["interval_95"]
    assert low < 0.5 < high


def test_stockfish_wins_what_is_won(capsys):
    arguments = ["--player", "stockfish:depth=8,name=ours", "--endings", "KQK", "--games", "2"]
    assert main(["endgames", *arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["endings"]["KQK"]["won"] == 2
    assert figures["endings"]["KQK"]["moves"] >= figures["endings"]["KQK"]["shortest"]


def test_single_moves_alone(capsys):
    player = ("--player", "teacher:depth=8", "--endings", "KQK", "--games", "0")
    assert main(["endgames", *player, "--moves", "8", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["endings"]["KQK"]
    assert figures["kept"] >= 7 and "won" not in figures
    assert 0 <= figures["moves_lost"] < 8


def test_wrong_arguments():
    assert main(["endgames", "--games", "0"]) == 2
    assert main(["endgames", "--endings", "KXK"]) == 2
