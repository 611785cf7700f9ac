"""Write positions of small endings, every move with its exact distance to mate, as .jsonl(.zst).

The file has the format of the Lichess evaluation dump, for 'argmax data convert'. Scores are
from retrograde analysis, which takes half a second for three pieces and up to a minute for four.
"""

import dataclasses
import json
import time
from pathlib import Path

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt, PositiveInt
from data_pipeline.teachers.endgames import ENDINGS


@dataclasses.dataclass(frozen=True)
class Args:
    out: Path
    """The file to write: .jsonl or .jsonl.zst."""
    endings: tuple[str, ...] = ENDINGS
    """Endings of three or four pieces, the stronger side first."""
    positions: PositiveInt = 10_000
    """Number of different positions of each ending."""
    seed: NonNegativeInt = 0
    """The same seed gives the same positions."""
    leave_out: tuple[Path, ...] = ()
    """Files of positions to leave out, such as a test split; of Lichess puzzles (.csv) all
    positions of their solutions."""
    json: bool = False
    """Print one JSON object on standard output."""


def run(args: Args) -> int:
    """Solve, write, and report the number of positions of each ending."""
    import zstandard

    from data_pipeline.common.errors import InputError
    from data_pipeline.common.files import write_atomically
    from data_pipeline.common.terminal import progress_bar
    from data_pipeline.teachers import endgames

    if not args.out.name.endswith((".jsonl", ".jsonl.zst")):
        raise InputError(f"expected a file .jsonl or .jsonl.zst for --out, found {args.out}")
    start = time.monotonic()
    pieces = {name: endgames.pieces_of_ending(name) for name in args.endings}
    left_out = _hashes(args.leave_out)
    text: list[str] = []
    counts: dict[str, int] = {}
    with progress_bar("positions", len(pieces) * args.positions) as advance:
        for name, symbols in pieces.items():
            before = len(text)
            for line in endgames.lines(symbols, args.positions, args.seed, left_out):
                text.append(line)
                advance(len(text))
            counts[name] = len(text) - before
    data = "".join(line + "\n" for line in text).encode()
    if args.out.suffix == ".zst":
        data = zstandard.ZstdCompressor(level=10).compress(data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(args.out, data)
    seconds = round(time.monotonic() - start, 1)
    if args.json:
        print(json.dumps({"written": counts, "left_out_of": len(left_out), "seconds": seconds}))
    else:
        shown = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        say(f"{args.out}: {shown}; {seconds} s")
    return 0


def _hashes(files: tuple[Path, ...]) -> set[bytes]:
    """Hashes of all positions in files."""
    from data_pipeline.common.errors import InputError
    from data_pipeline.dataset.dataset import position_hash
    from data_pipeline.sources.entries import Rejected, Share
    from data_pipeline.sources.readers import reader_of

    found = set()
    for path in files:
        if not path.is_file():
            raise InputError(f"expected a file of positions, found none at {path}")
        if path.name.endswith((".csv", ".csv.zst")):
            found |= _hashes_of_puzzles(path)
            continue
        for entry in reader_of(path)(str(path), Share()):
            if not isinstance(entry, Rejected):
                found.add(position_hash(entry.board))
    return found


def _hashes_of_puzzles(path: Path) -> set[bytes]:
    """Hashes of all positions of each puzzle, from the first to the last."""
    from data_pipeline.dataset.dataset import position_hash
    from engine.measure.puzzles import read_puzzles

    found = set()
    for puzzle in read_puzzles([path])[0]:
        board = puzzle.board()
        found.add(position_hash(board))
        for move in puzzle.moves:
            board.push(move)
            found.add(position_hash(board))
    return found
