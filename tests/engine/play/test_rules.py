"""What the rules decide, against python-chess's own (slower) answers and by example."""

import time

import chess
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.play import rules

FOOLS_MATE = "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2"
SHUFFLE = ["g1f3", "g8f6", "f3g1", "f6g8"]


def verdict_of(board: chess.Board, move: str) -> rules.Verdict | None:
    return rules.verdicts(board, [chess.Move.from_uci(move)])[0]


def played(moves: list[str], fen: str = chess.STARTING_FEN) -> chess.Board:
    board = chess.Board(fen)
    for move in moves:
        board.push_uci(move)
    return board


@pytest.mark.parametrize(
    ("fen", "move", "expected"),
    [
        (FOOLS_MATE, "d8h4", rules.CHECKMATE),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 99 90", "a1a8", rules.CHECKMATE),  # mate comes first
        ("k7/8/1K6/8/8/8/8/2Q5 w - - 0 1", "c1c7", rules.STALEMATE),
        ("8/8/8/8/8/1k6/1p6/K7 w - - 0 1", "a1b1", None),
        ("7k/8/8/8/8/8/p7/K7 w - - 0 1", "a1a2", rules.INSUFFICIENT_MATERIAL),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 99 90", "a1a7", rules.FIFTY_MOVE_RULE),
        ("6k1/5ppp/8/8/8/8/7P/R5K1 w - - 99 90", "h2h3", None),
        ("6k1/5ppp/8/8/8/8/8/R5K1 w - - 98 90", "a1a7", None),
    ],
)
def test_examples(fen, move, expected):
    assert verdict_of(chess.Board(fen), move) == expected


def test_second_occurrence_is_a_ceiling_and_third_a_draw():
    assert verdict_of(played(SHUFFLE[:2]), "f3g1") is None
    assert verdict_of(played(SHUFFLE[:3]), "f6g8") == rules.REPETITION
    assert verdict_of(played(SHUFFLE + SHUFFLE[:3]), "f6g8") == rules.THREEFOLD_REPETITION


def test_what_a_reply_repeats_for_the_third_time_is_a_ceiling():
    """White's knight comes back by another way, so that only black's reply makes the third time."""
    start = "6nk/8/8/8/8/8/PP6/KN6 w - - 0 1"
    other_way = ["b1d2", "g8h6", "d2b1", "h6g8"]
    twice = played(["b1c3", "g8f6", "c3b1", "f6g8", "b1d2", "g8h6"], start)
    assert verdict_of(twice, "d2b1") == rules.REPEATING_REPLY
    assert verdict_of(twice, "d2e4") is None
    assert verdict_of(played(other_way[:2], start), "d2b1") is None


def test_history_before_an_irreversible_move_does_not_count():
    board = played([*SHUFFLE[:3], "e7e5"])
    assert not any(rules.verdicts(board, board.legal_moves))


def test_lost_castling_rights_make_another_position():
    fen = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
    round_trip = ["e1e2", "e8e7", "e2e1", "e7e8"]
    assert verdict_of(played(round_trip[:3], fen), "e7e8") is None
    assert verdict_of(played(round_trip + round_trip[:3], fen), "e7e8") == rules.REPETITION


STARTS = [
    chess.STARTING_FEN,
    "8/5k2/8/3n4/8/2R5/1K4P1/8 w - - 60 80",
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",  # castling, checks
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",  # en passant that uncovers
    "n1n5/PPPk4/8/8/8/8/4Kppp/5N1N b - - 0 1",  # promotions
    "rnbqkbnr/8/8/8/8/8/8/RNBQKBNR w KQkq - 0 1",  # mates and uncovered checks
    "k7/p1p1p3/P1P1P3/8/8/8/PPP3PP/K2RR2Q w - - 0 1",  # stalemates with pawns on both sides
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(STARTS),
    st.randoms(use_true_random=False),
    st.integers(0, 120),
    st.sampled_from([1, 2, 100]),
)
def test_agrees_with_python_chess_on_random_games(start, random, plies, choices):
    """Few ``choices``: games in which positions come again."""
    board = chess.Board(start)
    for _ in range(plies):
        if board.is_game_over(claim_draw=True):
            break
        board.push(random.choice(list(board.legal_moves)[:choices]))
    before = board.copy()
    moves = list(board.legal_moves)
    for move, found in zip(moves, rules.verdicts(board, moves), strict=True):
        board.push(move)
        assert (found == rules.CHECKMATE) == board.is_checkmate()
        assert (found == rules.STALEMATE) == board.is_stalemate()
        drawn = board.is_insufficient_material() or board.is_fifty_moves() or board.is_repetition(3)
        exact = found is not None and not found.ceiling
        assert exact == (drawn or not any(board.legal_moves))
        if found == rules.REPETITION:
            assert board.is_repetition(2)
        elif found is None or found == rules.REPEATING_REPLY:
            assert not board.is_repetition(2)
            assert (found is not None) == _a_reply_repeats(board)
        board.pop()
    assert board == before
    assert board.move_stack == before.move_stack


def _a_reply_repeats(board: chess.Board) -> bool:
    for reply in list(board.legal_moves):
        board.push(reply)
        third = board.is_repetition(3)
        board.pop()
        if third:
            return True
    return False


def test_a_position_takes_about_a_millisecond():
    board = chess.Board("r1bq1rk1/pp2bppp/2n1pn2/2pp4/3P1B2/2PBPN2/PP1N1PPP/R2QK2R w KQ - 2 8")
    for move in ["e1f1", "g8h8", "f1e1", "h8g8"] * 10:
        board.push_uci(move)
    moves = list(board.legal_moves)
    best = min(_seconds(lambda: rules.verdicts(board, moves)) for _ in range(5))
    assert best < 0.010  # 0.2 ms on an idle machine; a wide margin for a busy one


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_the_reference_sees_repetitions_one_move_earlier_and_nothing_else():
    """After the shuffle but one, the opponent's next move could bring a third occurrence."""
    before = played(SHUFFLE + SHUFFLE[:2])
    moves = [chess.Move.from_uci(text) for text in ("f3g1", "f3e5")]
    assert rules.reference_verdicts(before, moves) == [rules.CLAIMABLE_REPETITION, None]
    assert rules.verdicts(before, moves) == [rules.REPETITION, None]
    third = played(SHUFFLE + SHUFFLE[:3])
    assert rules.reference_verdicts(third, moves[:0]) == []
    back = [chess.Move.from_uci("f6g8")]
    assert rules.reference_verdicts(third, back) == [rules.CLAIMABLE_REPETITION]
    for fen, move in ((FOOLS_MATE, "d8h4"), ("k7/8/1K6/8/8/8/8/2Q5 w - - 0 1", "c1c7")):
        assert rules.reference_verdicts(chess.Board(fen), [chess.Move.from_uci(move)]) == [None]
