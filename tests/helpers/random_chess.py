"""Positions and scores at random, from a seed, on which encodings and training are tried."""

import json
import random
from pathlib import Path

import chess
import numpy as np

from data_pipeline.dataset.dataset import MANIFEST, checksum, shard_name, write_bag
from data_pipeline.dataset.records import PositionRecord, encode, make_record
from data_pipeline.encoding.actions import ACTIONS
from data_pipeline.encoding.values import MATE, MAX_CENTIPAWNS

ODD_POSITIONS = (
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",  # all castlings
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
    "r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1",  # promotions
    "rnbqkbnr/ppp1p1pp/8/3pPp2/8/8/PPPP1PPP/RNBQKBNR w KQkq f6 0 3",  # en passant
    "8/8/8/KPp4r/8/8/8/4k3 w - c6 0 1",  # an en passant that would uncover a check
    "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1",  # 218 moves
    "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1",  # stalemate
)


def random_boards(seed: int, games: int = 4, plies: int = 120) -> list[chess.Board]:
    """The positions of some random games and the odd ones, each without its move stack."""
    rng = random.Random(seed)
    boards = [chess.Board(fen) for fen in ODD_POSITIONS]
    for _ in range(games):
        board = chess.Board()
        for _ in range(plies):
            boards.append(board.copy(stack=False))
            moves = list(board.legal_moves)
            if not moves:
                break
            board.push(rng.choice(moves))
    return boards


def en_passant_boards() -> list[chess.Board]:
    """An en passant on every file, for White and for Black; a rook stands behind
    the captured pawn, and a knight can move to the square, too."""
    boards = []
    for file in range(8):
        board = chess.Board(None)
        pieces = ("p", file, 4), ("P", file ^ 1, 4), ("N", file ^ 1, 7), ("R", file, 0)
        for symbol, at, rank in (*pieces, ("K", file ^ 4, 1), ("k", file ^ 4, 7)):
            board.set_piece_at(chess.square(at, rank), chess.Piece.from_symbol(symbol))
        board.ep_square = chess.square(file, 5)
        boards += [board, board.mirror()]
    return boards


def random_record(board: chess.Board, rng: np.random.Generator, **fields) -> PositionRecord:
    """The board with scores of all kinds: narrow and wide centipawns, ends of the scale, mates."""
    moves = [ACTIONS[move.uci()] for move in board.legal_moves]
    scores = rng.choice(
        np.concatenate(
            [
                rng.integers(-300, 300, 40),
                rng.integers(-MAX_CENTIPAWNS, MAX_CENTIPAWNS, 5, endpoint=True),
                MATE - rng.integers(1, 255, 3, endpoint=True),
                rng.integers(1, 255, 3, endpoint=True) - MATE,
                [MAX_CENTIPAWNS, -MAX_CENTIPAWNS],
            ]
        ),
        len(moves),
    )
    return make_record(board, np.array(moves, np.uint16), scores, **fields)


def write_dataset(directory: Path) -> None:
    """300 positions of random games to train on and 40 to test, in two shards."""
    rng = np.random.default_rng(0)
    boards = [board for board in random_boards(seed=5, games=6) if any(board.legal_moves)]
    encoded = [encode(random_record(board, rng)) for board in boards]
    counts = {"train": 2 * 150, "validation": 0, "test": 2 * 20}
    for shard in range(2):
        write_bag(directory / shard_name("train", shard, 2), encoded[shard : 2 * 150 : 2])
        write_bag(directory / shard_name("test", shard, 2), encoded[300 + shard : 340 : 2])
    manifest = {"format_version": 1, "teacher": "none", "bins": 64, "shards": 2, "counts": counts}
    checksums = {path.name: checksum([path]) for path in directory.glob("*.bag")}
    manifest |= {"sources": [], "checksums": checksums}
    (directory / MANIFEST).write_text(json.dumps(manifest))


def scored_records(count: int, complete=True, seed=0) -> list[bytes]:
    """Positions of random games; every move has a score drawn at random, all different."""
    rng, scores = random.Random(seed), np.random.default_rng(seed)
    found, seen = [], set()
    board = chess.Board()
    while len(found) < count:
        moves = list(board.legal_moves)
        if board.epd() in seen and moves:
            board.push(rng.choice(moves))
            continue
        seen.add(board.epd())
        if not moves or len(board.move_stack) > 80:
            board = chess.Board()
            continue
        kept = moves if complete else moves[:3]
        actions = np.array([ACTIONS[move.uci()] for move in kept], np.uint16)
        drawn = scores.choice(np.arange(-600, 600), len(kept), replace=False)
        record = make_record(board, actions, drawn, complete=complete)
        found.append(encode(record))
        board.push(rng.choice(moves))
    return found
