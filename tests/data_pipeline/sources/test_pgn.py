"""PGN: main lines, evaluations, broken games, several frames."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.common.files import numbered_lines
from data_pipeline.encoding.actions import MOVES
from data_pipeline.encoding.values import mate_in_moves
from data_pipeline.sources.entries import BadEntry, Rejected, Share
from data_pipeline.sources.pgn import (
    MAX_GAME_BYTES,
    read_main_line,
    read_pgn,
    result_word,
    split_games,
)
from tests.helpers.paths import FIXTURES

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


CASES = FIXTURES / "cases"
RUY = "e2e4 e7e5 g1f3 b8c6 f1b5 a7a6"


def moves_of(path: Path) -> list[str]:
    """Of each game the moves, or why it cannot be used."""
    found = []
    for game in split_games(numbered_lines(path)):
        try:
            found.append(" ".join(move.uci() for move in read_main_line(game).moves))
        except BadEntry as bad:
            found.append(str(bad))
    return found


@pytest.mark.parametrize(
    ("name", "games"),
    [
        ("null-move", ["null move", "d2d4 d7d5"]),
        ("double-blank-fen", ["g1f3 g8f6 b1c3"]),
        ("blank-in-moves", [RUY]),
        ("tags-and-moves-one-line", ["e2e4 e7e5", "d2d4 d7d5"]),
        ("elo-no-blank-lines", ["e2e4 e7e5", "d2d4", "c2c4", "f2f4"]),
        ("elo-headers-only", [""] * 4),
        ("bad-fen-tag", ["e4d5 e6d5"] * 2),
        ("latin1", ["e2e4 e7e5"]),
    ],
)
def test_games_of_files_that_others_wrote(name, games):
    assert moves_of(CASES / f"{name}.pgn") == games


def test_no_position_is_made_up():
    records, rejected = read(CASES / "double-blank-fen.pgn")
    assert [record.board.fullmove_number for record in records] == [3, 3, 4, 4]
    assert not rejected
    records, rejected = read(CASES / "null-move.pgn")
    assert len(records) == 3 and [entry.reason for entry in rejected] == ["null move"]


NAMES = ["Event", "White", "Black", "Result"]
games = st.lists(
    st.tuples(
        st.sampled_from(["1. e4 e5 2. Nf3", "1.d4", '1. c4 {[Event "in a comment"]} e5', ""]),
        st.sampled_from(["1-0", "0-1", "1/2-1/2", "½-½", "0.5-0.5", "1/2", "*"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(games)
def test_however_empty_lines_stand_each_game_is_one(path, found):
    """Empty lines behind tags, in movetext, between games; tags on one line or on four."""
    text, expected = "", []
    for number, (moves, result, behind_tags, behind_game, one_line) in enumerate(found):
        values = (f"game {number}", f"w{number}", f"b{number}", result)
        tags = [f'[{name} "{value}"]' for name, value in zip(NAMES, values, strict=True)]
        movetext = moves.replace(" 2.", "\n" * (1 + behind_tags) + "2.")
        text += (" " if one_line else "\n").join(tags) + "\n" * (1 + behind_tags)
        text += f"{movetext} {result}\n" + "\n" * behind_game
        expected.append((values[0], result_word(result), moves.count("Nf3")))
    path.write_text(text, "utf-8")
    cut = list(split_games(numbered_lines(path)))
    assert [(g.tags["Event"], g.result, g.movetext.count("Nf3")) for g in cut] == expected
    assert all(game.tags.keys() == set(NAMES) for game in cut)
    assert not any(read_main_line(game) is None for game in cut)


@given(st.text(alphabet='[]{}();"\\ \n1.*e4Nf3-+#!?$%½/O0E', max_size=120))
def test_any_text_is_read_without_an_error(path, text):
    path.write_text(text, "utf-8")
    for game in split_games(numbered_lines(path)):
        assert game.result in (None, "1-0", "0-1", "1/2-1/2")
    read(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("games") / "games.pgn"


@pytest.mark.parametrize(
    ("text", "games"),
    [
        ("1. e4 e5 1-0 1. d4 *", ["e2e4 e7e5", "d2d4"]),
        ('[Event "x"]\n\n1. e4 1-0\n\n3. Nf3 Nc6', ["e2e4", "text outside a game"]),
        ('[Event "x"]\n\n1. e4 1-0\n\n1. d4 d5', ["e2e4", "d2d4 d7d5"]),
        ("Some words about the games below", ["illegal move"]),
        ("3. Nf3 Nc6 *", ["first moves missing"]),
        ("1. e4 Z0 2. d4", ["null move"]),
        ("1. e4 0000 2. d4", ["null move"]),
        ("1. e4 {never closed", ["unreadable movetext"]),
        ("1. e4 (1. d4 d5", ["unreadable movetext"]),
        ("1. e4 e5 2. Zf3", ["illegal move"]),
        ("1. e4! e5 $1 2. Nf3+- (2. f4 (2. d4) exf4) Nc6?? = ; 3. Zz\n3. Bb5 a6 1/2", [RUY]),
        ("1.e4 e5 2.Ng1-f3 Nb8c6 3. B f1b5", ["illegal move"]),
        ("1.e4 e5 2.Ng1-f3 Nb8c6 3.Bf1b5 a7-a6", [RUY]),
        ("1. e4 d5 2. e5 f5 3. exf6e.p. *", ["e2e4 d7d5 e4e5 f7f5 e5f6"]),
        ("% a line for programs\n1. e4 *", ["e2e4"]),
        ("1. ♘f3 ♞f6 2. ♙e4 ♞︎xe4 3. ♖g1 *", ["g1f3 g8f6 e2e4 f6e4 h1g1"]),
        ('[fen "7k/P7/8/8/8/8/8/K7 w - - 0 1"]\n1. a8(Q)+ Kg7 *', ["a7a8q h8g7"]),
        ('[FEN"7k/P7/8/8/8/8/8/K7 w - - 0 1"]\n1. a8/R *', ["a7a8r"]),
        ('[ Fen "7k/P7/8/8/8/8/8/K7 w - - 0 1" ]\n1. a8=(n)! *', ["a7a8n"]),
        ('[White "A]\n[Black B]\n[Site "a \\"b\\" c"] [Event "say "x""]\n1. e4', ["e2e4"]),
        ('{[Event "a comment"]}\n1. e4', ["e2e4"]),
        ('[Event "a"]\n\n1. e4 { open\n\n[Event "b"]\n\n1. d4 *', ["unreadable movetext", "d2d4"]),
        ('[Event "a"]\n1. e4 1-0 [Event "b"]\n1. d4 1-0', ["e2e4", "d2d4"]),
        ("!" * 200_000 + "a", ["unreadable movetext"]),
        ("{" * 200_000, ["unreadable movetext"]),
        ('{[a "' * 50_000, ["unreadable movetext"]),
        ("(" * 200_000, ["unreadable movetext"]),
    ],
)
def test_movetext(path, text, games):
    path.write_text(text, "utf-8")
    assert moves_of(path) == games


@pytest.mark.parametrize("name", ["White", "white", "WHITE", "BlackElo", "blackelo", "result"])
def test_known_tags_in_any_case_and_spacing(name):
    known = {"white": "White", "blackelo": "BlackElo", "result": "Result"}[name.lower()]
    for text in (f'[{name} "1-0"]', f'[{name}"1-0"]', f'[ {name}  "1-0" ]', f'1. e4 [{name}"1-0"]'):
        *_, game = split_games([(1, text.encode())])
        assert game.tags == {known: "1-0"}


def test_tags_with_quotes_and_without():
    text = b'[White "A]\n[Black B]\n[Site "a \\"b\\" c"] [Event "say "x""]\n1. e4'
    (game,) = split_games(enumerate(text.split(b"\n"), start=1))
    assert game.tags == {"White": "A", "Black": "B", "Site": 'a "b" c', "Event": 'say "x"'}
