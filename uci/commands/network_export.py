"""Write a network as a checkpoint for DeepMind's searchless_chess.

See docs/searchless_chess.md.
"""

import dataclasses
import sys
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt


@dataclasses.dataclass(frozen=True)
class Args:
    file: tyro.conf.Positional[Path]
    """A network file of the architecture 'sequence'."""
    out: Path
    """The checkpoint's folder; the parameters go to OUT/STEP/params."""
    step: NonNegativeInt = 6_400_000
    """The step in the folder's name; the reference's tools expect 6400000 for its presets."""


def run(args: Args) -> int:
    """Read the network and write the checkpoint atomically."""
    from model.network.network_file import load_network
    from model.network.searchless_chess import export_reference

    target = export_reference(load_network(args.file), args.out, args.step)
    say(f"wrote {target}", file=sys.stderr)
    return 0
