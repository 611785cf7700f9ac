"""Reviews of games: properties on random games, and one game whose figures are known."""

import io
import random
import re

import chess
import chess.pgn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.play.engine import SearchlessEngine
from engine.review.forms import NAGS, annotated_pgn, numbered, to_json
from engine.review.games import PlayedGame, ReadCounts, played_game, read_text
from engine.review.html import review_page
from engine.review.players import Players
from engine.review.review import GameReview, choice_entropy, is_only_move, review_games
from tests.helpers.fakes import FakePredictor, ValuesPredictor

HOSTILE = "<script>alert(1)</script>"
MATE = """[Event "Café"]
[White "Anna"]
[Black "Bert"]
[Result "1-0"]

1. e4 e5 2. Bc4 {a plan} Nc6 3. Qh5 (3. Nf3) Nf6 4. Qxf7# 1-0
"""


def random_game(seed: int, plies: int = 30, fen: str = chess.STARTING_FEN) -> PlayedGame:
    rng = random.Random(seed)
    board = chess.Board(fen)
    while len(board.move_stack) < plies and any(board.legal_moves):
        board.push(rng.choice(list(board.legal_moves)))
    return played_game(chess.pgn.Game.from_board(board))


def reviews_of(games: list[PlayedGame], predictor=None) -> list[GameReview]:
    return list(review_games(SearchlessEngine(predictor or FakePredictor()), games))


def captures_pay(board: chess.Board, move: chess.Move) -> float:
    """A predictor whose values are easy to follow: a captured queen is worth most."""
    taken = board.piece_at(move.to_square)
    return 0.5 + (0.05 * taken.piece_type if taken else 0.0)


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_properties_of_a_review(seed):
    game = random_game(seed, 16)
    (review,) = reviews_of([game])
    assert [move.move for move in review.moves] == list(game.moves)
    assert len(review.curve) == len(game.moves) + 1
    for move, board in zip(review.moves, game.positions(), strict=True):
        count = board.legal_moves.count()
        assert move.given_away >= 0 and (move.move != move.best or move.judgement is None)
        assert move.best in board.legal_moves
        assert 0 <= move.white_band[0] <= move.white_band[1] <= 1
        assert 0 <= move.entropy_bits <= np.log2(count) + 1e-9
        assert move.color == board.turn
    assert {m.ply for m in review.turning_points} <= {m.ply for m in review.moves if m.judgement}


def test_games_together_are_judged_as_each_alone():
    games = [random_game(seed, plies) for seed, plies in ((1, 7), (2, 40), (3, 13))]
    together = [to_json(review) for review in reviews_of(games)]
    assert together == [to_json(review) for game in games for review in reviews_of([game])]
    engine = SearchlessEngine(FakePredictor())
    assert together == [to_json(review) for review in review_games(engine, games, at_once=8)]


def test_colours_swapped_judge_the_same():
    game = random_game(5, 40)
    board = game.start.mirror()
    for move in game.moves:
        mirrored = chess.Move(
            chess.square_mirror(move.from_square),
            chess.square_mirror(move.to_square),
            move.promotion,
        )
        board.push(mirrored)
    there, back = reviews_of(
        [game, played_game(chess.pgn.Game.from_board(board))], ValuesPredictor(captures_pay)
    )
    assert [m.given_away for m in there.moves] == [m.given_away for m in back.moves]
    for color in chess.COLORS:
        assert there.accuracy[color] == pytest.approx(back.accuracy[not color])
        assert there.judgements(color) == back.judgements(not color)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_moves(win_probs, rng):
    shuffled = rng.sample(win_probs, len(win_probs))
    assert choice_entropy(np.array(win_probs)) == pytest.approx(choice_entropy(np.array(shuffled)))
    assert is_only_move(np.array(win_probs)) == is_only_move(np.array(shuffled))


def test_entropy_of_known_choices():
    assert choice_entropy(np.full(8, 0.3)) == pytest.approx(3)
    assert choice_entropy(np.array([1.0, 0.0])) == pytest.approx(0, abs=1e-6)
    assert is_only_move(np.array([0.2, 0.6, 0.5])) and not is_only_move(np.array([0.6, 0.55]))
    assert not is_only_move(np.array([0.9]))  # forced: nothing had to be found


def test_a_missed_queen_is_a_blunder():
    tree = chess.pgn.read_game(io.StringIO("1. e4 d5 2. exd5 Qxd5 3. d4 Qg5 4. h3"))
    assert tree
    (review,) = reviews_of([played_game(tree)], ValuesPredictor(captures_pay))
    last = review.moves[-1]
    assert last.judgement == "blunder" and last.best_san == "Bxg5"
    assert last.given_away == pytest.approx(0.25)
    assert numbered(last) == "4. h3??"
    assert review.turning_points[-1] == last
    assert review.moves[2].judgement is None  # it took what there was


def test_annotated_pgn_reads_back():
    (game,) = read_text(MATE, ReadCounts())
    (review,) = reviews_of([game])
    text = annotated_pgn(review)
    again = chess.pgn.read_game(io.StringIO(text))
    assert again and not again.errors
    assert list(again.mainline_moves()) == list(game.moves)
    nodes = list(again.mainline())
    for node, move in zip(nodes, review.moves, strict=True):
        assert (node.nags & set(NAGS.values()) != set()) == (move.judgement is not None)
        assert not move.judgement or node.parent.has_variation(move.best)
        score = node.eval()
        assert (score is None) == (move.verdict == "checkmate")
        assert score is None or (score.white().score(mate_score=10**5) > 0) == (
            move.white_win_prob > 0.5
        )
    assert "a plan" in nodes[2].comment and nodes[3].has_variation(chess.Move.from_uci("g1f3"))
    assert annotated_pgn(review) == text  # annotating twice changes nothing


def test_a_page_with_hostile_names_holds_no_markup_of_theirs():
    game = random_game(3)
    for header in ("White", "Black", "Event", "Result"):
        game.tree.headers[header] = HOSTILE
    reviews = reviews_of([game, random_game(4)])
    players = Players()
    for review in reviews:
        players.add(review)
    for shown in (reviews, reviews[:1]):
        text = review_page(shown, players.to_json(), games=len(shown))
        assert HOSTILE not in text and "&lt;script&gt;" in text
        assert not re.search(r"<script|\son\w+=|(src|href)=\"(?!data:)", text)


def test_what_cannot_be_reviewed_is_counted():
    bad = [
        '[Variant "Atomic"]\n\n1. e4 *',
        "1. e4 e4 *",
        '[FEN "8/8/8/8/8/8/8/8 w - - 0 1"]\n\n1. e4 *',
        '[FEN "nonsense"]\n\n1. e4 *',
        '[Event "none"]\n\n*',
        "1. e4 -- 2. d4 *",
        '[Event "x"]\n\n1. e4 {never closed',
        "\x00\xff[[[{{{",
    ]
    for text in bad:
        counts = ReadCounts()
        games = read_text(text, counts)
        assert len(games) == counts.read
        assert games or counts.dropped or "{" in text, text
    counts = ReadCounts()
    assert len(read_text("\n\n".join([MATE, *bad[:6], MATE]), counts)) == 2
    assert sum(counts.dropped.values()) >= 5


@settings(max_examples=60)
@given(st.text(alphabet='[]{}()"e4Nf3.!?$# \n\x0012345678/RNBQK', max_size=120))
def test_any_text_is_read_or_counted(text):
    counts = ReadCounts()
    assert len(read_text(text, counts)) == counts.read


def test_players_are_summed_over_games():
    players = Players()
    reviews = reviews_of([random_game(seed, 20) for seed in range(3)])
    for review in reviews:
        review.game.tree.headers["White"] = "Anna"
        review.game.tree.headers["Black"] = "Bert"
        players.add(review)
    anna = players.to_json()["Anna"]
    assert anna["games"] == 3 and anna["moves"] == 30
    mine = [m for review in reviews for m in review.moves if m.color]
    assert anna["given_away_a_move"] == pytest.approx(
        np.mean([m.given_away for m in mine]), abs=1e-4
    )
    assert anna["blunder_count"] == sum(m.judgement == "blunder" for m in mine)
