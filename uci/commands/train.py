"""Train a network on a dataset."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from data_pipeline.common.plain_text import say
from data_pipeline.common.ranges import NonNegativeInt, PositiveInt
from model.config import RecipeName, Target, TrainingDtype, TrainOptions
from uci.commands.presets import PresetName

if TYPE_CHECKING:
    from data_pipeline.batches.chessbench_bags import Bag
    from data_pipeline.dataset.dataset import Dataset
    from model.config import NetworkConfig, Preset, Setup, TrainConfig

STEPS = 10_000
"""The default, if neither steps nor minutes are given."""


@dataclasses.dataclass(frozen=True)
class Args:
    data: Path
    """A dataset directory from 'argmax data convert', or a ChessBench bag (.bag)."""
    out: Path
    """The directory of the run: logs, checkpoints, network.safetensors."""
    training: tyro.conf.OmitArgPrefixes[TrainOptions]
    preset: PresetName = "small"
    """The network's size; 9M, 136M, 270M and those that start with 'sequence' have the architecture
    of Ruoss et al. 2024."""
    target: Target | None = None
    """What the network predicts: the win probability of each move, that of the position, or the
    move played (default: action-value, or the target of a bag)."""
    recipe: RecipeName | None = None
    """Loss and optimizer: 'argmax', or 'reference' for those of Ruoss et al. 2024 (default: by
    preset)."""
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Override a field of the network, the loss or the optimizer, as in --set network.width=192
    --set optimizer.ema_decay=0.9995; for a wrong name, all names are listed."""
    batch_size: PositiveInt | None = None
    """Positions per step; with the architecture 'sequence', pairs of a position and a move
    (default: by preset)."""
    start: Path | None = None
    """Start from the weights of this network (.safetensors), with the same shape or with fewer or
    narrower layers (default: random weights)."""
    compute_dtype: TrainingDtype | None = None
    """The type that layers compute in (default: float32 on CPUs, bfloat16 on accelerators). mixed:
    float32 with the operands of matrix products in bfloat16; faster on CPUs with instructions for
    bfloat16 (AVX512-BF16, AMX), slower on others."""
    cpu_devices: PositiveInt | None = None
    """Number of CPU devices that share a batch (default: one per core, if it divides the batch)."""
    loader_processes: NonNegativeInt | None = None
    """Processes that prepare batches; 0: a thread, which prepares about 20,000 positions a second
    (default: 0 on CPUs, half of the cores, at most 8, on accelerators)."""
    evaluation_data: Path | None = None
    """Evaluate on this dataset (default: that of --data; bags have no test split)."""
    resume: bool = False
    """Resume the run in --out from its last checkpoint."""


def run(args: Args) -> int:
    """Train with a progress display; prints the network's path at the end."""
    from model.training.runtime import keep_freed_memory

    keep_freed_memory()
    from data_pipeline.batches.chessbench_bags import open_data
    from data_pipeline.dataset.dataset import Dataset
    from model.inference.predictor import CPU, backend
    from model.network.network_file import load_network
    from model.training.loop import NETWORK_FILE, train

    data = open_data(args.data)
    if isinstance(data, Dataset):
        data.verify("train")
    evaluation = args.evaluation_data and Dataset(args.evaluation_data)
    config = _config(args, data)  # before the network, since it sets JAX's devices
    start = load_network(args.start) if args.start else None
    processes = args.loader_processes
    if processes is None:
        processes = 0 if backend() is CPU else min(8, (os.cpu_count() or 1) // 2)
    train(
        config,
        data,
        args.out,
        resume=args.resume,
        evaluation=evaluation,
        start=start,
        processes=processes,
    )
    say(f"wrote {args.out / NETWORK_FILE}", file=sys.stderr)
    return 0


def _config(args: Args, data: "Dataset | Bag") -> "TrainConfig":
    """The configuration from options, preset and data; also sets JAX's number of devices."""
    from data_pipeline.batches.chessbench_bags import Bag
    from data_pipeline.dataset.records import knows_clocks
    from model.config import SequenceConfig, TrainConfig, preset
    from model.inference.predictor import backend
    from model.training.runtime import share_batches

    target = data.target if isinstance(data, Bag) else "action-value"
    chosen = preset(args.preset, target=args.target or target)
    network = chosen.network
    if isinstance(network, SequenceConfig) and not isinstance(data, Bag):
        network = dataclasses.replace(network, clocks=knows_clocks(data.records("train")))
    batch_size = args.batch_size or chosen.batch_size
    share_batches(batch_size, args.cpu_devices)
    setup = _setup(args, chosen, network)
    options: dict[str, Any] = vars(args.training)
    if args.training.steps is None and args.training.minutes is None:
        options = options | {"steps": STEPS}
    return TrainConfig(
        network=setup.network,
        batch_size=batch_size,
        compute_dtype=args.compute_dtype or backend().dtype,
        loss=setup.loss,
        optimizer=setup.optimizer,
        **options,
    )


def _setup(args: Args, chosen: "Preset", network: "NetworkConfig") -> "Setup":
    """The network and a recipe, with overrides. The loss terms that compare moves are switched off
    if the network does not learn them together."""
    from model.config import RECIPES, Setup
    from model.overrides import override

    recipe = RECIPES[args.recipe or chosen.recipe]
    loss = recipe.loss if network.learns_order else recipe.loss.of_single_moves()
    return override(Setup(network, loss, recipe.optimizer), args.set)
