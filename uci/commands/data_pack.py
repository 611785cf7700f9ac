"""Write a dataset in half of its size for transport, or unpack a packed one.

Packed, a position with all moves scored takes about 48 bytes. Each shard becomes one file.
Unpacking gives back the same bytes, which is checked by checksums.
"""

import dataclasses
import json
import os
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt


@dataclasses.dataclass(frozen=True)
class Args:
    dataset: tyro.conf.Positional[Path]
    """A dataset's directory, packed or not."""
    out: Path
    """The directory to make."""
    workers: NonNegativeInt = 0
    """Processes; 0: one per core."""


def run(args: Args) -> int:
    """Pack or unpack, and report the size."""
    from data_pipeline.beam.staging import staging
    from data_pipeline.dataset import packing

    with staging(args.out) as place:
        packed = packing.convert(args.dataset, place.dataset, args.workers or os.cpu_count() or 1)
    files = [path for path in args.out.iterdir() if path.suffix in (".bag", packing.SUFFIX)]
    size = sum(path.stat().st_size for path in files)
    manifest = json.loads((args.out / "dataset.json").read_bytes())
    positions = sum(manifest["counts"].values())
    say(
        f"{args.out}: {'packed' if packed else 'unpacked'}, {positions:,} positions, {size:,} bytes"
        f" ({size / max(positions, 1):.1f} per position)"
    )
    return 0
