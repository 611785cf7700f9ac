"""The 77 tokens: equal to the reference's, and different for different FENs."""

import json

import pytest

from data_pipeline.common.errors import InputError
from data_pipeline.encoding.tokens import CHARACTERS, SEQUENCE_LENGTH, tokenize
from tests.helpers.paths import REFERENCE
from tests.helpers.random_chess import random_boards

GOLDEN = json.loads(REFERENCE.joinpath("tokens.json").read_text())


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["fen"])
def test_equal_to_the_reference(entry):
    assert tokenize(entry["fen"]).tolist() == entry["tokens"]


def test_every_fen_of_random_games_has_its_own_tokens():
    fens = {fen for b in random_boards(seed=1) for fen in (b.fen(), b.fen(en_passant="fen"))}
    tokens = [tokenize(fen) for fen in fens]
    assert {row.shape for row in tokens} == {(SEQUENCE_LENGTH,)}
    assert max(row.max() for row in tokens) < len(CHARACTERS)
    assert len({row.tobytes() for row in tokens}) == len(fens)


@pytest.mark.parametrize(
    ("fen", "found"),
    [
        ("8/8/8/8/8/8/8/8 w - -", "found 4"),
        ("8/8/8/8/8/8/8/8 w - - 1000 1", "at most"),
        ("8/8/8/8/8/8/8/9 w - - 0 1", "at most"),
        ("7x/8/8/8/8/8/8/8 w - - 0 1", "'x'"),
    ],
)
def test_what_does_not_fit_is_refused(fen, found):
    with pytest.raises(InputError, match=found):
        tokenize(fen)
