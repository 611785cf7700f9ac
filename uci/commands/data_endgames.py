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
from uci.commands.data_options import LeaveOut, left_out_hashes


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
    leave_out: LeaveOut = ()
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
    left_out = left_out_hashes(args.leave_out)
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
