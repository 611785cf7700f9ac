"""Readers: good files of each kind, and every kind of bad entry named, counted and passed over."""

from pathlib import Path

import chess
import pytest
import zstandard

from data_pipeline.common.errors import InputError
from data_pipeline.dataset.dataset import files_of
from data_pipeline.dataset.records import PositionRecord
from data_pipeline.encoding.actions import MOVES
from data_pipeline.encoding.values import MAX_CENTIPAWNS, mate_in_moves
from data_pipeline.sources.entries import BadEntry, Rejected, Share, parse_fen
from data_pipeline.sources.lichess import parse_lichess_evaluation
from data_pipeline.sources.readers import reader_of
from tests.helpers.bad_lines import BAD_LINES, MATE_IN_ONE, line_of
from tests.helpers.paths import FIXTURES


def read(path: Path, share: Share | None = None) -> tuple[list[PositionRecord], list[Rejected]]:
    entries = list(reader_of(path)(str(path), share or Share()))
    records = [entry for entry in entries if isinstance(entry, PositionRecord)]
    return records, [entry for entry in entries if isinstance(entry, Rejected)]


def test_lichess_evaluations_of_a_whole_file():
    records, rejected = read(FIXTURES / "evaluations.jsonl.zst")
    assert (len(records), rejected) == (198, [])
    assert all(record.complete and record.depth == 5 for record in records)
    assert {record.board.turn for record in records} == {chess.WHITE, chess.BLACK}


def test_the_deepest_evaluation_from_the_side_to_move():
    black = "r1bqkb1r/pp2nppp/5n2/2p1p3/3pP1P1/3P1N2/PPPN1P1P/R1BQ1RKB b kq -"
    shallow = (8, [{"cp": 1, "line": "a7a6"}, {"cp": 2, "line": "a7a5"}, {"cp": 3, "line": "b7b6"}])
    deep = (20, [{"cp": -584, "line": "c8g4 h2h3"}, {"mate": 3, "line": "e7g6"}])
    fewer = (20, [{"cp": 7, "line": "a7a6"}])
    record = parse_lichess_evaluation(line_of(black, shallow, fewer, deep))
    assert [MOVES[action] for action in record.actions[: record.deep_moves]] == ["c8g4", "e7g6"]
    assert record.scores[0] == 584
    assert mate_in_moves(int(record.scores[1])) == -3
    assert (record.depth, record.complete, record.clocks) == (20, False, False)
    assert record.shallow_depth == 8
    assert [MOVES[action] for action in record.actions[2:]] == ["a7a5", "a7a6", "b7b6"]
    assert all(mate_in_moves(int(score)) == -2 for score in record.scores[2:])


def test_castling_written_as_the_king_taking_his_rook():
    fen = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq -"
    pvs = [{"cp": 5, "line": "e1h1 e8a8"}, {"cp": 4, "line": "e1a1"}, {"cp": 3, "line": "a1a8"}]
    record = parse_lichess_evaluation(line_of(fen, (30, pvs)))
    assert [MOVES[action] for action in record.actions] == ["e1g1", "e1c1", "a1a8"]


def test_bad_lines_of_every_kind(tmp_path):
    path = tmp_path / "bad.jsonl"
    good = line_of(MATE_IN_ONE, (1, [{"cp": 99_999, "line": "h8g8"}]))
    path.write_bytes(b"\n".join([good, *BAD_LINES, good]) + b"\n")
    records, rejected = read(path)
    assert len(records) == 2
    assert records[0].scores.tolist() == [-MAX_CENTIPAWNS]
    assert [entry.reason for entry in rejected] == list(BAD_LINES.values())
    assert [entry.line for entry in rejected] == list(range(2, len(BAD_LINES) + 2))
    assert {entry.file for entry in rejected} == {str(path)}


def test_shares_make_up_the_whole():
    path = FIXTURES / "evaluations.jsonl.zst"
    whole = [record.board.fen() for record in read(path)[0]]
    parts = [read(path, Share(part, 3))[0] for part in range(3)]
    assert sorted(record.board.fen() for part in parts for record in part) == sorted(whole)


def test_several_frames_and_a_file_cut_short(tmp_path):
    lines = [line_of(MATE_IN_ONE, (n, [{"cp": n, "line": "h8g8"}])) + b"\n" for n in range(1, 200)]
    frames = [zstandard.compress(line) for line in lines]
    path = tmp_path / "frames.jsonl.zst"
    path.write_bytes(b"".join(frames))
    assert [record.depth for record in read(path)[0]] == list(range(1, 200))
    path.write_bytes(b"".join(frames)[:-20])
    records, rejected = read(path)
    assert [record.depth for record in records] == list(range(1, 199))
    assert [(entry.reason, entry.line) for entry in rejected] == [("truncated file", 199)]
    path.write_bytes(b"not zstd at all" * 9)
    assert [entry.reason for entry in read(path)[1]] == ["not zstd data"]
    path = tmp_path / "zeros.jsonl"
    path.write_bytes(bytes(20_000_000) + b"\n" + lines[0])
    records, rejected = read(path)
    assert [entry.reason for entry in rejected] == ["overlong line"]
    assert [record.depth for record in records] == [1]


FENS = """\
# a comment
rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1

rnbqkb1r/pp2pppp/3p1n2/8/3NP3/2N5/PPP2PPP/R1BQKB1R b KQkq -\x20\x20
rnbqkb1r/pp2pppp/3p1n2/8/3NP3/2N5/PPP2PPP/R1BQKB1R b KQkq - hmvc 3; fmvn 7; bm a6; id "x y";
k1kK4/8/8/8/8/8/8/8 w - - 0 1
1rk2r2/8/8/8/8/8/8/1RK2R2 w FBfb - 0 1
what is this
"""


@pytest.mark.parametrize("name", ["list.fen", "list.epd", "list.txt", "list.epd.zst"])
def test_fen_and_epd_lists(tmp_path, name):
    data = FENS.encode()
    (tmp_path / name).write_bytes(zstandard.compress(data) if name.endswith("zst") else data)
    records, rejected = read(tmp_path / name)
    assert [record.board.fullmove_number for record in records] == [1, 1, 7]
    assert [record.clocks for record in records] == [True, False, True]
    assert [entry.reason for entry in rejected] == [
        "illegal position",
        "Chess960 castling",
        "illegal FEN",
    ]
    assert not any(len(record.actions) or record.complete for record in records)


def test_parse_fen_refuses():
    for wrong in ("", "8/8/8/8/8/1k6/1p6/K7 x - - 0 1", "8/8/8/8/8/1k6/1p6/K9 w - - bm Ka9;"):
        with pytest.raises(BadEntry, match="illegal FEN"):
            parse_fen(wrong)


def test_names():
    with pytest.raises(InputError, match=r"expected a file named .jsonl, .pgn"):
        reader_of("positions.csv")
    assert files_of(Path("a/b.pgn")) == [Path("a/b.pgn")]
    assert files_of(Path("a/action_value@3_data.bag"))[1:] == [
        Path("a/action_value-00001-of-00003_data.bag"),
        Path("a/action_value-00002-of-00003_data.bag"),
    ]


SUITES = """\
2rr3k/pp3pp1/1nnqbN1p/3pN3/2pP4/2P3Q1/PPB4P/R4RK1 w - - bm Qg6; id "WAC.001";
1k1r4/pp1b1R2/3q2pp/4p3/2B5/4Q3/PPP2B2/2K5 b - - bm Qd1+; id "BK.01";
1kr5/3n4/q3p2p/p2n2p1/PppB1P2/5BP1/1P2Q2P/3R2K1 w - - bm f5; id "STS(v1.0) Undermine.001"; \
c0 "f5=10, Be5+=2"; c7 "f5 Be5+"; c8 "10 2"; c9 "f4f5 d4e5";
8/8/8/p7/8/8/R6p/2K2Rbk w - - dm 5;
r1bk1b1r/ppp2ppp/2p5/4Pn2/8/5N2/PPP2PPP/RNB2RK1 w - - acd 17; acs 10; bm Nc3; ce 30; Ae "x 64";
r1bqk1r1/1p1p1n2/p1n2pN1/2p1b2Q/2P1Pp2/1PN5/PB4PP/R4RK1 w q - 0 1 bm Rxf4; id "ERET 001";
rnbqkb1r/p3pppp/1p6/2ppP3/3N4/2P5/PPP1QPPP/R1B1KB1R w KQkq - 0 1 ;bm e6; D1 39; D2 1310
3r1k2/4npp1/1ppr3p/p6P/P2PPPP1/1NR5/5K2/2R5 w - - bm "d5"; id "BK.02"
4k3/8/8/8/PPPPPPPP/PPPPPPPP/8/4K3 w - - bm a6; c0 "no game leads here";
"""


def test_every_line_of_a_test_suite_is_read(tmp_path):
    path = tmp_path / "suite.epd"
    path.write_bytes(SUITES.replace("\n", "\r\n").encode("utf-8-sig"))
    records, rejected = read(path)
    assert not rejected and len(records) == SUITES.count("\n")
