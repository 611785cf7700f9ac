"""The attack tables against python-chess's, on random occupancies."""

import chess
import numpy as np
import pytest

from data_pipeline.encoding.attacks import attack_tables, attacks_by, bitboards, rays_from

RNG = np.random.default_rng(0)


def random_occupancies(count: int) -> np.ndarray:
    """[count] uint64, from nearly empty to nearly full."""
    return bitboards(RNG.random((count, 64)) < RNG.random((count, 1)))


@pytest.mark.parametrize("piece", range(1, 13))
def test_attacks_from_every_square(piece):
    kind, color = (piece - 1) % 6 + 1, piece <= 6
    squares = np.tile(np.arange(64), 20)
    occupied = random_occupancies(len(squares))
    pieces = np.full(len(squares), piece)
    found = attacks_by(pieces, squares, rays_from(squares, occupied)).tolist()
    for square, others, attacks in zip(squares.tolist(), occupied.tolist(), found, strict=True):
        board = chess.BaseBoard.empty()
        board.set_piece_at(square, chess.Piece(kind, color))
        board.occupied |= others
        assert attacks == int(board.attacks(square))


def test_rays_lie_on_their_lines_and_are_seen_back():
    squares, occupied = RNG.integers(0, 64, 200), random_occupancies(200)
    rays = rays_from(squares, occupied)
    assert not (rays & ~attack_tables().lines[:, squares]).any()
    for line, row in enumerate(rays.tolist()):
        for square, others, ray in zip(squares.tolist(), occupied.tolist(), row, strict=True):
            ends = np.array(list(chess.scan_forward(ray)), np.int64)
            back = rays_from(ends, np.full(len(ends), others, np.uint64))[line]
            assert (back >> np.uint64(square) & 1).all()
