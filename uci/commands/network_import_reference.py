"""Convert a checkpoint of DeepMind's searchless_chess into a network file.

See docs/searchless_chess.md.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any, Literal

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt, PositiveInt
from uci.commands.presets import SequencePreset


@dataclasses.dataclass(frozen=True)
class Args:
    directory: tyro.conf.Positional[Path]
    """The unpacked checkpoint: the folder with a folder named by its step (6400000)."""
    out: Path
    """The network file to write (.safetensors)."""
    preset: SequencePreset = "9M"
    """The published network."""
    target: Literal["action-value", "state-value"] = "action-value"
    """What it predicts; behavioral cloning is recognized by shapes."""
    ema: bool = False
    """Read the moving average of the parameters (params_ema) instead of params."""
    step: NonNegativeInt | None = None
    """The step, if there are several (default: the last)."""
    width: PositiveInt | None = None
    """Width, for a checkpoint trained with the reference's code that differs from the preset."""
    layers: PositiveInt | None = None
    """Number of layers, likewise."""
    heads: PositiveInt | None = None
    """Number of heads, likewise; it cannot be inferred from the parameters."""
    causal: bool = False
    """Trained with a causal mask; this cannot be inferred from the parameters."""
    query_key_norm: bool = False
    """Trained with layer norm on queries and keys."""
    name: str | None = None
    """The network's name (default: reference-PRESET)."""
    licence: str = "CC-BY-4.0"
    """The weights' licence (default: that of the published ones)."""


CONFIG = ("target", "width", "layers", "heads", "causal", "query_key_norm")


def run(args: Args) -> int:
    """Read, check and write; nothing is written if a check fails."""
    from model.config import SequenceConfig, preset
    from model.network.network_file import save_network
    from model.network.searchless_chess import import_reference

    changes: dict[str, Any] = {name: value for name in CONFIG if (value := getattr(args, name))}
    config = preset(args.preset, **changes).network
    assert isinstance(config, SequenceConfig)
    network = import_reference(
        args.directory,
        config,
        ema=args.ema,
        step=args.step,
        name=args.name or f"reference-{args.preset}",
        licence=args.licence,
    )
    save_network(network, args.out)
    say(f"wrote {args.out}: {network.parameter_count:,} parameters", file=sys.stderr)
    return 0
