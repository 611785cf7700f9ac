"""Train a network on a dataset."""

import dataclasses
import sys
from pathlib import Path
from typing import Literal

from model.config import ComputeDtype


@dataclasses.dataclass(frozen=True)
class Args:
    data: Path
    """The dataset directory, as 'argmax data convert' makes it."""
    out: Path
    """The directory of the run: logs, checkpoints, network.safetensors."""
    preset: Literal["tiny", "small", "medium", "large"] = "small"
    """The network's size."""
    steps: int = 10_000
    """Training steps; the learning rate falls over all of them."""
    batch_size: int | None = None
    """Positions a step; by default what suits the preset."""
    bins: int | None = None
    """Bins of the value distributions; by default the preset's."""
    seed: int = 0
    """Of the first weights and the order of the data."""
    compute_dtype: ComputeDtype | None = None
    """What layers compute in; by default float32 on CPUs, bfloat16 on accelerators."""
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
    resume: bool = False
    """Go on with the run in --out from its last checkpoint."""


def run(args: Args) -> int:
    """Train, showing progress; the network's path is the last thing said."""
    from model.memory import keep_freed_memory

    keep_freed_memory()
    import os

    import jax

    from data_pipeline.dataset import Dataset
    from model.config import preset
    from model.train import NETWORK_FILE, TrainConfig, train

    changes = {} if args.bins is None else {"bins": args.bins}
    chosen = preset(args.preset, **changes)
    batch_size = args.batch_size or chosen.batch_size
    cores = os.cpu_count() or 1
    jax.config.update(
        "jax_num_cpu_devices", args.cpu_devices or (cores if batch_size % cores == 0 else 1)
    )
    default_dtype: ComputeDtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    config = TrainConfig(
        network=chosen.network,
        steps=args.steps,
        batch_size=batch_size,
        seed=args.seed,
        compute_dtype=args.compute_dtype or default_dtype,
        log_every=args.log_every,
        checkpoint_every=args.checkpoint_every,
        evaluate_every=args.evaluate_every,
        evaluation_positions=args.evaluation_positions,
        evaluation_split=args.evaluation_split,
    )
    train(config, Dataset(args.data), args.out, resume=args.resume)
    print(f"wrote {args.out / NETWORK_FILE}", file=sys.stderr)
    return 0
