"""Play games from openings with random moves, and score every position with Stockfish (Beam).

Each game has its own temperature, at which moves are sampled by their values. The values are
Stockfish's scores or, with --network, those of a network, so that positions are ones that it
reaches.
"""

import dataclasses
import functools
import hashlib
import random
import time
from pathlib import Path

import tyro

from data_pipeline.beam.options import DatasetOptions, OutputOptions
from data_pipeline.common.ranges import NumGames
from data_pipeline.teachers.options import GameOptions
from uci.commands.data_options import (
    EngineArgs,
    LeaveOut,
    RunnerArgs,
    engine_config,
    left_out_hashes,
    quiet_imports,
    report,
)


@dataclasses.dataclass(frozen=True)
class Args:
    openings: tyro.conf.Positional[tuple[Path, ...]]
    """Opening positions: FEN or EPD lists, or PGN, all of whose positions can be drawn."""
    teacher: tyro.conf.OmitArgPrefixes[EngineArgs]
    output: tyro.conf.OmitArgPrefixes[OutputOptions]
    playing: tyro.conf.OmitArgPrefixes[GameOptions]
    running: tyro.conf.OmitArgPrefixes[RunnerArgs]
    out: Path
    """The dataset directory to make."""
    games: NumGames
    """Games to play; an opening is drawn for each."""
    network: Path | None = None
    """A network file whose values choose the moves instead of Stockfish's scores."""
    leave_out: LeaveOut = ()


def run(args: Args) -> int:
    """Play, and report the number of positions."""
    quiet_imports()
    from data_pipeline.beam.engine_work import SelfPlay
    from data_pipeline.beam.pipeline import play

    start = time.monotonic()
    engine, teacher = engine_config(args.teacher)
    work = SelfPlay(engine, args.playing)
    if args.network:
        digest = hashlib.sha256(args.network.read_bytes()).hexdigest()
        work = SelfPlay(
            engine, args.playing, functools.partial(network_player, args.network.absolute()), digest
        )
    manifest = play(
        draw_openings(args.openings, args.games, args.playing.seed),
        args.out,
        DatasetOptions(**vars(args.output), teacher=teacher),
        work,
        args.running.flags(threads=True),
        left_out=left_out_hashes(args.leave_out),
    )
    return report(args.out, manifest, time.monotonic() - start, args.running.json)


def draw_openings(files: tuple[Path, ...], games: int, seed: int) -> list[str]:
    """A FEN for each game: all openings in a random order, repeated if necessary."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.sources.entries import Rejected
    from data_pipeline.sources.readers import read_inputs

    if not files:
        raise InputError("expected at least one file of openings, found none")
    fens = []
    for path in files:
        for entry in read_inputs(path):
            if isinstance(entry, Rejected):
                raise InputError(f"expected an opening, found {entry.reason}: {path}:{entry.line}")
            fens.append(entry.board.fen())
    if not fens:
        raise InputError(f"expected openings, found none in {', '.join(map(str, files))}")
    random.Random(seed).shuffle(fens)
    return [fens[number % len(fens)] for number in range(games)]


def network_player(path: Path):
    """A network file -> a `data_pipeline.teachers.selfplay.Player`."""
    import numpy as np

    from engine.play import load_engine
    from engine.play.engine import require_win_probs

    engine = load_engine(path)
    require_win_probs(engine.predictor)

    def win_probs(boards):
        for board, analysis in zip(boards, engine.analyse_many(boards), strict=True):
            by_move = dict(zip(analysis.moves, analysis.win_probs, strict=True))
            yield np.array([by_move[move] for move in board.legal_moves])

    return lambda boards: list(win_probs(boards))
