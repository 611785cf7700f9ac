"""Records read many at once: the same arrays as from boards, one at a time."""

import chess
import numpy as np
import pytest

from data_pipeline.batches.board_batches import Inputs, make_batch, make_inputs
from data_pipeline.dataset.records import PositionRecord, decode, encode, make_record
from data_pipeline.encoding.actions import CHESS_MOVES
from tests.helpers.random_chess import (
    ODD_POSITIONS,
    en_passant_boards,
    random_boards,
    random_record,
)


def random_records(seed: int, games: int) -> list[PositionRecord]:
    """Records with and without each of the optional fields, some of them with few moves or none."""
    rng = np.random.default_rng(seed)
    records = []
    for board in en_passant_boards() + random_boards(seed, games, plies=200):
        state_score = int(rng.integers(-500, 500)) if rng.random() < 0.5 else None
        played = int(rng.integers(1968)) if rng.random() < 0.5 else None
        fields = {"clocks": bool(rng.random() < 0.5), "state_score": state_score, "played": played}
        record = random_record(board, rng, **fields)
        if len(record.actions) < 100 and rng.random() < 0.3:
            some = np.flatnonzero(rng.random(len(record.actions)) < rng.random())
            actions, scores = record.actions[some], record.scores[some]
            record = make_record(board, actions, scores, complete=False, **fields)
        records.append(record)
    return records


RECORDS = random_records(seed=8, games=12)


def from_boards(records: list[PositionRecord], max_moves: int) -> Inputs:
    moves = [[CHESS_MOVES[action] for action in record.actions[:max_moves]] for record in records]
    return make_inputs([record.board for record in records], moves, max_moves)


def assert_same(some: Inputs, others: Inputs) -> None:
    for name, array in some._asdict().items():
        np.testing.assert_array_equal(array, getattr(others, name), err_msg=name, strict=True)


@pytest.mark.parametrize("max_moves", [8, 64, 256])
def test_the_same_as_from_boards(max_moves):
    assert len(RECORDS) > 2000
    for start in range(0, len(RECORDS), 125):
        records = RECORDS[start : start + 125]
        batch = make_batch([encode(record) for record in records], max_moves)
        assert_same(batch.inputs, from_boards(records, max_moves))
        expected = np.zeros((len(records), max_moves), np.float32)
        for row, record in enumerate(records):
            kept = record.win_probs[:max_moves]
            expected[row, : len(kept)] = kept
        np.testing.assert_array_equal(batch.targets, expected, strict=True)


def test_all_kinds_of_positions_are_tried():
    inputs = from_boards(RECORDS, 256)
    turns = np.array([record.board.turn for record in RECORDS])
    for turn in chess.COLORS:  # every castling right, en passant on every file
        assert inputs.state[turns == turn].any(axis=0).all()
    assert len(np.unique(inputs.promotions)) == 5
    counts = inputs.mask.sum(axis=1)
    assert counts.min() == 0
    assert counts.max() > 64
    assert any(not record.complete for record in RECORDS)


def test_a_position_is_the_same_in_any_company():
    encoded = [encode(record) for record in RECORDS[:40]]
    together = make_batch(encoded, 64)
    for row, data in enumerate(encoded):
        alone = make_batch([data], 64)
        assert_same(alone.inputs, Inputs(*(array[row : row + 1] for array in together.inputs)))
        np.testing.assert_array_equal(alone.targets[0], together.targets[row], strict=True)


@pytest.mark.parametrize("fen", ODD_POSITIONS[:3])
def test_cut_short(fen):
    data = encode(random_record(chess.Board(fen), np.random.default_rng(2), clocks=True))
    whole = encode(RECORDS[20])
    for length in range(len(data)):
        with pytest.raises(ValueError, match="expected a position record"):
            decode(data[:length])
        with pytest.raises(ValueError, match=f"expected a position record, found {length} bytes"):
            make_batch([whole, data[:length], whole], 64)
