"""Train a network on a dataset."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from data_pipeline.common.plain_text import say
from model.config import RecipeName, Target, TrainingDtype

if TYPE_CHECKING:
    from data_pipeline.batches.chessbench_bags import Bag
    from data_pipeline.dataset.dataset import Dataset
    from model.config import NetworkConfig, Preset, Setup
    from model.training.loop import TrainConfig


@dataclasses.dataclass(frozen=True)
class Args:
    data: Path
    """The dataset directory, as 'argmax data convert' makes it, or a ChessBench bag (.bag)."""
    out: Path
    """The directory of the run: logs, checkpoints, network.safetensors."""
    preset: Literal[
        "tiny", "small", "medium", "large", "sequence-tiny", "sequence-small", "9M", "136M", "270M"
    ] = "small"
    """The network's size; the last five are of the reference's layout."""
    target: Target | None = None
    """What the network predicts: the win probability of each move, that of the position, or the
    move that is played (default: win probabilities of moves, or what a bag holds)."""
    steps: int | None = None
    """Training steps; the learning rate falls over all of them (default: 10000)."""
    minutes: float | None = None
    """Instead of steps: minutes of training, of which evaluations are no part; the learning rate
    falls with the share of them that is used."""
    recipe: RecipeName | None = None
    """Loss and optimizer: ours, or those of Ruoss et al. 2024 (default: what suits the preset)."""
    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Any field of the network, the loss or the optimizer in place of the preset's and the
    recipe's, as in --set network.width=192 --set optimizer.ema_decay=0.9995; a wrong name lists
    them all."""
    batch_size: int | None = None
    """Positions a step, or with the reference's layout pairs of a position and a move (default:
    what suits the preset)."""
    mirrored: bool = False
    """Mirror half of the positions in which nobody may castle left to right, drawn anew each pass
    over the data."""
    focus: float = 0.0
    """Learn more often from positions in which it matters what is played: up to five times as often
    from those whose best move has so much more win probability than their median one, or more
    (0.13 covers a third of ordinary positions); 0: from all as often."""
    start: Path | None = None
    """Start from the weights of this network (.safetensors), of the same shape or with fewer or
    narrower layers; by default from random ones."""
    seed: int = 0
    """Of the first weights and the order of the data."""
    compute_dtype: TrainingDtype | None = None
    """What layers compute in; by default float32 on CPUs, bfloat16 on accelerators. Mixed is
    float32, but for the operands of products: faster on CPUs that have instructions for bfloat16
    (AVX512-BF16, AMX), slower on others."""
    cpu_devices: int | None = None
    """On CPUs: how many devices share a batch; by default one a core, if the batch divides."""
    log_every: int = 20
    """Steps between lines in metrics.jsonl."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    evaluate_every: int = 1000
    """Steps between evaluations."""
    evaluation_positions: int = 2000
    """Positions in each evaluation."""
    evaluation_split: Literal["validation", "test"] = "test"
    """The split evaluated on; nothing is selected by it."""
    evaluation_data: Path | None = None
    """Evaluate on this dataset (default: that of --data; bags have no test split)."""
    resume: bool = False
    """Go on with the run in --out from its last checkpoint."""


def run(args: Args) -> int:
    """Train, showing progress; the network's path is the last thing said."""
    from model.training.runtime import keep_freed_memory

    keep_freed_memory()
    from data_pipeline.batches.chessbench_bags import open_data
    from data_pipeline.dataset.dataset import Dataset
    from model.network.network_file import load_network
    from model.training.loop import NETWORK_FILE, train

    data = open_data(args.data)
    evaluation = args.evaluation_data and Dataset(args.evaluation_data)
    config = _config(args, data)  # before the network, since it sets JAX's devices
    start = load_network(args.start) if args.start else None
    train(config, data, args.out, resume=args.resume, evaluation=evaluation, start=start)
    say(f"wrote {args.out / NETWORK_FILE}", file=sys.stderr)
    return 0


def _config(args: Args, data: "Dataset | Bag") -> "TrainConfig":
    """What the options, the preset and the data say; also sets JAX's number of devices."""
    from data_pipeline.batches.chessbench_bags import Bag
    from data_pipeline.dataset.records import knows_clocks
    from model.config import SequenceConfig, preset
    from model.inference.predictor import backend
    from model.training.loop import TrainConfig
    from model.training.runtime import share_batches

    held = data.policy.replace("_", "-") if isinstance(data, Bag) else "action-value"
    chosen = preset(args.preset, target=args.target or held)
    network = chosen.network
    if isinstance(network, SequenceConfig) and not isinstance(data, Bag):
        network = dataclasses.replace(network, clocks=knows_clocks(data.records("train")))
    batch_size = args.batch_size or chosen.batch_size
    share_batches(batch_size, args.cpu_devices)
    setup = _setup(args, chosen, network)
    return TrainConfig(
        network=setup.network,
        steps=args.steps or (None if args.minutes else 10_000),
        minutes=args.minutes,
        batch_size=batch_size,
        seed=args.seed,
        mirrored=args.mirrored,
        focus=args.focus,
        compute_dtype=args.compute_dtype or backend().dtype,
        loss=setup.loss,
        optimizer=setup.optimizer,
        log_every=args.log_every,
        checkpoint_every=args.checkpoint_every,
        evaluate_every=args.evaluate_every,
        evaluation_positions=args.evaluation_positions,
        evaluation_split=args.evaluation_split,
    )


def _setup(args: Args, chosen: "Preset", network: "NetworkConfig") -> "Setup":
    """The network and a recipe by name, with what is set in their place. Moves are not compared
    where the network does not learn them together."""
    from model.config import RECIPES, Setup
    from model.overrides import override

    recipe = RECIPES[args.recipe or chosen.recipe]
    loss = recipe.loss if network.learns_order else recipe.loss.of_single_moves()
    return override(Setup(network, loss, recipe.optimizer), args.set)
