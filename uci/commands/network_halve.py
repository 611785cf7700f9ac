"""Write a network to a file of half the size, with 16-bit parameters.

They are rounded to 11 significant bits (float16), which changes values by far less than the
network's errors. Such files can be used like any other: to play, to average, to train (--start).
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
    """The file to write."""


def run(args: Args) -> int:
    """Round and write."""
    from model.network.network_file import load_network, save_network

    save_network(replace(load_network(args.file), stored="float16"), args.out)
    before, after = (path.stat().st_size / 2**20 for path in (args.file, args.out))
    say(f"wrote {args.out}: {after:.1f} MiB, was {before:.1f}", file=sys.stderr)
    return 0
