"""PGN: main lines, evaluations, broken games, several frames."""

from pathlib import Path

import pytest
import zstandard

from data_pipeline.encoding.actions import MOVES
from data_pipeline.encoding.values import mate_in_moves
from data_pipeline.sources.entries import Rejected, Share
from data_pipeline.sources.pgn import MAX_GAME_BYTES, read_pgn

GAMES = """\
[Event "commented"]
[Site "?"]

1. e4 { [%eval 0.23] [%clk 0:01] } e5 { [%eval #-3] } (1... c5 2. Nf3 { [%eval 9.9] }) 2. Nf3 $1
{a comment that goes on
[%eval 0.5]} Nc6 1-0

[Event "broken"]

1. e4 e5 2. Ke3 *

[Event "variant"]
[Variant "Atomic"]

1. e4 e5 *

[Event "960"]
[Variant "Chess960"]
[SetUp "1"]
[FEN "nrk2r2/8/8/8/8/8/8/1RK2R2 w FBfb - 0 1"]

1. O-O *

[Event "from a position"]
[Variant "From Position"]
[SetUp "1"]
[FEN "7k/8/6K1/8/8/8/8/1R6 b - - 0 40"]

1... Kg8 2. Rb8# 1-0

[Event "an impossible position"]
[SetUp "1"]
[FEN "k1kK4/8/8/8/8/8/8/8 w - - 0 1"]

*

[Event "nothing played"]

*
"""


def read(path: Path, share: Share | None = None):
    entries = list(read_pgn(str(path), share or Share()))
    records = [entry for entry in entries if not isinstance(entry, Rejected)]
    return records, [entry for entry in entries if isinstance(entry, Rejected)]


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_games(tmp_path, frames):
    data = GAMES.encode()
    path = tmp_path / ("games.pgn.zst" if frames else "games.pgn")
    if frames:
        step = len(data) // frames + 1
        cuts = [data[i : i + step] for i in range(0, len(data), step)]
        data = b"".join(map(zstandard.compress, cuts))
    path.write_bytes(data)
    records, rejected = read(path)
    played = [None if record.played is None else MOVES[record.played] for record in records]
    assert played == ["e2e4", "e7e5", "g1f3", "b8c6", None, "h8g8", "b1b8", None]
    scores = [record.state_score for record in records]
    assert scores[:2] == [None, -23]
    assert mate_in_moves(scores[2] or 0) == -3
    assert scores[3:] == [-50, None, None, None, None]
    assert [(entry.line, entry.reason) for entry in rejected] == [
        (8, "illegal move"),
        (12, "variant"),
        (17, "variant"),
        (31, "illegal position"),
    ]
    assert records[5].board.fullmove_number == 40
    assert all(record.clocks and not record.complete for record in records)


def test_shares_make_up_the_whole(tmp_path):
    path = tmp_path / "games.pgn"
    path.write_text(GAMES * 3)
    whole = read(path)
    parts = [read(path, Share(part, 4)) for part in range(4)]
    for which in (0, 1):
        assert sum(len(part[which]) for part in parts) == len(whole[which])


def test_nul_bytes_and_games_without_end(tmp_path):
    path = tmp_path / "games.pgn"
    endless = '[Event "endless"]\n\n' + "1. e4 {" + "x" * 79 + "\n" * 1 + ("y" * 79 + "\n") * 20_000
    assert len(endless) > MAX_GAME_BYTES
    path.write_text(f'[Event "nul"]\n\n1. e4 \0 e5 *\n\n{endless}\n\n[Event "good"]\n\n1. d4 *\n')
    records, rejected = read(path)
    assert [record.played is None for record in records] == [False, True]
    assert [entry.reason for entry in rejected] == ["NUL byte or overlong game"] * 2


def test_cut_short(tmp_path):
    data = zstandard.compress(GAMES.encode())
    path = tmp_path / "games.pgn.zst"
    path.write_bytes(data[:-30])
    assert [entry.reason for entry in read(path)[1]][-1] == "truncated file"


def test_games_without_tags(tmp_path):
    path = tmp_path / "games.pgn"
    path.write_text("1. e4 e5 *\n\n1. d4 d5 *\n")
    assert len(read(path)[0]) == 6
