"""Store a network's Elo by temperature in its file, for the option UCI_Elo.

The ratings come from games of the network at several temperatures against players of known
strength:

  argmax match --opponents network network,temperature=0.01 network,temperature=0.02
      network,temperature=0.04 stockfish:elo=1350,nodes=1000 stockfish:elo=1550,nodes=20000
      --games 30 --pgn strength.pgn
  argmax elo strength.pgn --anchor "stockfish elo=1350 nodes=1000=1350"
      --anchor "stockfish elo=1550 nodes=20000=1550" --json > ratings.json
  argmax network strength ratings.json
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from data_pipeline.common.plain_text import say


@dataclass(frozen=True)
class Args:
    ratings: tyro.conf.Positional[Path]
    """The output of 'argmax elo --json'."""
    network: Path | None = None
    """The network that played (default: the shipped one)."""
    player: str = "argmax"
    """Its name in the ratings, without the temperature."""
    out: Path | None = None
    """The file for the network with its curve (default: the same file)."""
    json: bool = False
    """Print the curve as one JSON object on standard output."""


def run(args: Args) -> int:
    """Fit, store and print the curve."""
    from engine.networks import shipped_network
    from engine.play.strength import TRAINING_KEY, fit_curve
    from model.network.network_file import load_network, save_network

    path = args.network or shipped_network()
    network = load_network(path)
    points = read_points(args.ratings, args.player)
    curve = fit_curve(*zip(*points, strict=True))
    out = args.out or path
    save_network(network.with_training(**{TRAINING_KEY: curve.to_training()}), out)
    low, high = curve.elo_range
    say(f"{out}: UCI_Elo {low} to {high}, from {len(points)} temperatures", file=sys.stderr)
    if args.json:
        print(json.dumps(curve.to_training()))
    else:
        for temperature, elo in zip(curve.temperatures, curve.elos, strict=True):
            say(f"temperature {temperature:.3f}  Elo {elo:.0f}")
    return 0


def read_points(ratings: Path, player: str) -> list[tuple[float, float, float]]:
    """(temperature, Elo, games) of every rated player called ``player``. Raises InputError."""
    from data_pipeline.common.errors import InputError

    try:
        rated: dict[str, dict[str, Any]] = json.loads(ratings.read_text())["ratings"]
        named = re.compile(re.escape(player) + r"(?: temperature=([0-9.]+))?")
        found = {name: match for name in rated if (match := named.fullmatch(name))}
        points = [
            (float(match[1] or 0), float(rated[name]["elo"]), float(rated[name]["games"]))
            for name, match in found.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"expected the output of 'argmax elo --json' in {ratings}") from None
    if len(points) < 2:
        raise InputError(
            f"expected '{player}' at two temperatures or more in {ratings}, "
            f"found {len(points)} among {', '.join(rated) or 'no players'}"
        )
    return points
