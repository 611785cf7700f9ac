"""Positions of small endings as lines that the pipeline reads back."""

import itertools
import json
import random

import chess
import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import position_hash
from data_pipeline.encoding.actions import MOVES
from data_pipeline.encoding.values import MATE
from data_pipeline.sources.lichess import parse_lichess_evaluation
from data_pipeline.teachers import endgames, retrograde
from uci.cli import main


def test_positions_are_legal_of_both_sides_and_go_on_to_the_mate():
    found = list(itertools.islice(endgames.positions("KRk", random.Random(1)), 400))
    assert {board.turn for board, _ in found} == set(chess.COLORS)
    assert any(board.pieces(chess.ROOK, chess.BLACK) for board, _ in found)
    assert any(max(scores.values()) == MATE - 1 for _, scores in found)
    for board, scores in found:
        assert board.is_valid()
        assert scores.keys() == set(board.legal_moves)


def test_random_positions_are_near_to_the_mate_as_often_as_far():
    rng = random.Random(4)
    drawn = [endgames.random_position("KRk", rng) for _ in range(400)]
    spread = [endgames.spread_position("KRk", rng) for _ in range(400)]
    near, nearer = (
        sum(0 < abs(retrograde.mate_in(retrograde.value(board)) or 0) <= 8 for board in boards)
        for boards in (drawn, spread)
    )
    assert nearer > 1.5 * near
    draws, kept = (sum(not retrograde.value(b) for b in boards) for boards in (drawn, spread))
    assert 0.5 * draws < kept < 2 * draws


def test_a_line_is_read_back_with_all_its_scores():
    for board, scores in itertools.islice(endgames.positions("KPk", random.Random(2)), 60):
        record = parse_lichess_evaluation(endgames.evaluation_line(board, scores).encode())
        assert record.board.epd() == board.epd()
        assert record.complete
        assert sorted(record.scores.tolist()) == sorted(scores.values())
        assert record.depth == endgames.EXACT_DEPTH


def test_three_pieces_are_scored_exactly_whatever_their_source_said():
    rook = parse_lichess_evaluation(
        b'{"fen": "8/8/8/3k4/8/8/8/KR6 w - -", "evals": [{"depth": 5, '
        b'"pvs": [{"cp": 600, "line": "b1b4"}]}]}'
    )
    exact = endgames.exactly(rook)
    moves = [chess.Move.from_uci(MOVES[action]) for action in exact.actions]
    found = dict(zip(moves, exact.scores.tolist(), strict=True))
    assert found == retrograde.move_scores(rook.board)
    assert exact.complete and exact.depth == endgames.EXACT_DEPTH
    four = parse_lichess_evaluation(
        b'{"fen": "8/8/8/3k4/8/8/8/KRR5 w - -", "evals": [{"depth": 5, '
        b'"pvs": [{"cp": 900, "line": "b1b4"}]}]}'
    )
    assert endgames.exactly(four) is four


def test_lines_differ_repeat_and_leave_out():
    first = list(endgames.lines("KQk", 50, 3, ()))
    assert len({json.loads(line)["fen"] for line in first}) == 50
    assert first == list(endgames.lines("KQk", 50, 3, ()))
    assert first != list(endgames.lines("KQk", 50, 4, ()))
    gone = position_hash(chess.Board(json.loads(first[0])["fen"] + " 0 1"))
    assert first[0] not in list(endgames.lines("KQk", 50, 3, {gone}))


@pytest.mark.parametrize("name", ["KQ", "KXK", "QKK", "KPKP", "KQRBK", "KK", ""])
def test_endings_that_there_are_not(name):
    with pytest.raises(InputError, match="expected an ending"):
        endgames.pieces_of_ending(name)


def test_names():
    assert endgames.pieces_of_ending("KQKR") == "KQkr"
    assert retrograde.pieces_of(chess.Board("8/8/1k6/3r4/8/8/QK6/8 w - - 0 1")) == "KQkr"


def test_the_command_writes_what_convert_reads(tmp_path, capsys):
    out = tmp_path / "small.jsonl.zst"
    arguments = ["--endings", "KQK", "KRK", "--positions", "30", "--out", str(out), "--json"]
    assert main(["data", "endgames", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == {"KQK": 30, "KRK": 30}
    again = tmp_path / "other.jsonl"
    options = ["--leave-out", str(out), "--positions", "30", "--out", str(again), "--json"]
    assert main(["data", "endgames", "--endings", "KQK", *options]) == 0
    capsys.readouterr()
    data = tmp_path / "data"
    assert main(["data", "convert", str(out), str(again), "--out", str(data), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["read"] == 90
    assert sum(figures["written"].values()) == 90


def test_positions_of_puzzles_are_left_out(tmp_path):
    line = json.loads(next(endgames.lines("KQk", 1, 0, ())))
    move = line["evals"][0]["pvs"][0]["line"]
    reply = chess.Board(line["fen"] + " 0 1")
    reply.push_uci(move)
    answer = next(iter(reply.legal_moves), None)
    assert answer is not None
    puzzles = tmp_path / "some.csv"
    puzzles.write_text(f"a,{line['fen']} 0 1,{move} {answer},1500\n")
    out = tmp_path / "x.jsonl"
    options = ["--endings", "KQK", "--positions", "5", "--leave-out", str(puzzles)]
    assert main(["data", "endgames", *options, "--out", str(out)]) == 0
    assert line["fen"] not in {json.loads(text)["fen"] for text in out.read_text().splitlines()}


def test_wrong_arguments(tmp_path):
    assert main(["data", "endgames", "--out", str(tmp_path / "x.txt")]) == 2
    out = str(tmp_path / "x.jsonl")
    assert main(["data", "endgames", "--endings", "KXK", "--out", out]) == 2
