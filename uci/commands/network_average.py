r"""Average the weights of networks into one network.

For networks that were trained from one start with different seeds, for example one per core:

  argmax train --start network.safetensors --seed 1 --cpu-devices 1 --out runs/a ...
  argmax train --start network.safetensors --seed 2 --cpu-devices 1 --out runs/b ...
  argmax network average runs/a/network.safetensors runs/b/network.safetensors \
      --out mean.safetensors

Or for a network and the one that it was trained from, which can be better than both if the training
has seen its positions too often (Wortsman et al. 2022, "Robust fine-tuning"):

  argmax network average tuned.safetensors start.safetensors --weights 0.85 0.15 \
      --out mixed.safetensors
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeFloat


@dataclass(frozen=True)
class Args:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """Two or more networks of the same configuration."""
    out: Path
    """The file for their average."""
    weights: tuple[NonNegativeFloat, ...] = ()
    """A weight for each network (default: all the same)."""


def run(args: Args) -> int:
    """Average and write."""
    from model.network.averaging import average
    from model.network.network_file import load_network, save_network

    save_network(average([load_network(path) for path in args.files], args.weights), args.out)
    say(f"wrote {args.out}", file=sys.stderr)
    return 0
