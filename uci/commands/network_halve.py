"""The same network in a file of half the size: its parameters rounded to 16 bits.

They are rounded to 11 significant bits (float16), which moves values by far less than a network
errs. Training on (--start), averaging and playing take such a file as any other.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say


@dataclass(frozen=True)
class Args:
    file: tyro.conf.Positional[Path]
    """The network."""
    out: Path
    """Where the smaller file goes."""


def run(args: Args) -> int:
    """Round and write."""
    from model.network.network_file import load_network, save_network

    save_network(replace(load_network(args.file), stored="float16"), args.out)
    before, after = (path.stat().st_size / 2**20 for path in (args.file, args.out))
    say(f"wrote {args.out}: {after:.1f} MiB, before {before:.1f}", file=sys.stderr)
    return 0
