"""What a step of training costs: the loader's rate, and the step's work by XLA's own count.

    python benchmarks/training_cost.py --data DATASET     positions/s that one core prepares
    ... --data DATASET --processes 1 2 4 8 16             the same with so many processes
    python benchmarks/training_cost.py --compile          memory traffic too, after compilation here
    python benchmarks/training_cost.py --profile --preset small --set --batch-size 256 \\
        --compute-dtype float32                           where the time of a step goes, on this CPU

The network is that of `argmax train --preset medium` with three decoder layers, unless --set says
otherwise. FLOPs are counted before compilation, so they are the same for any machine. Bytes are
those of the program that XLA compiles for this machine.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import psutil

from data_pipeline.batches.batch import Batch, BatchOptions
from data_pipeline.batches.board_batches import empty_inputs
from data_pipeline.batches.loader import AHEAD, training_batches
from data_pipeline.dataset.dataset import Dataset
from engine.measure.compute_cost import matmul_rates
from model.config import RECIPES, BoardConfig, Setup, TrainConfig, preset
from model.network.board_transformer import trunk
from model.overrides import override
from model.training.losses import network_loss
from model.training.optimizer import make_optimizer
from model.training.runtime import keep_freed_memory
from model.training.step import init_state, make_update, moving_average
from model.training.warm_start import first_params

SETTINGS = ("network.decoder_layers=3", "network.bins=128", "network.mate_range=0.25")
TARGET = 40_000
SECONDS = 5.0
PROFILED = 12
"""Repetitions of each part; their medians are reported."""


def main() -> None:
    """Print a figure a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a dataset, for the loader's rate")
    parser.add_argument("--processes", type=int, nargs="*", default=[0], help="0: a thread")
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--set", nargs="*", default=SETTINGS)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--compute-dtype", default="bfloat16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    keep_freed_memory()  # as `argmax train` does
    recipe = RECIPES["argmax"]
    shape = Setup(preset(args.preset).network, recipe.loss, recipe.optimizer)
    setup = override(shape, args.set)
    size, dtype = args.batch_size, args.compute_dtype
    config = TrainConfig(
        setup.network,
        size,
        compute_dtype=dtype,
        loss=setup.loss,
        optimizer=setup.optimizer,
        steps=1,
    )
    if args.data:
        for processes in args.processes:
            show_loader(args.data, config, processes)
    show_step(config, args.compile)
    if args.profile:
        show_profile(config)
        show_operations(config)


def show_loader(data: Path, config: TrainConfig, processes: int) -> None:
    """Batches with all that the network is told, as training takes them, mirrored too; the mean
    memory of a process, and how much of it others share."""
    assert isinstance(config.network, BoardConfig)
    network = config.network
    options = BatchOptions(config.max_moves, network.mate_range, network.afterstates, True, 0.0)
    encoded = Dataset(data).records("train")
    batches = training_batches(encoded, config.batch_size, 0, options, processes=processes)
    for _ in range(AHEAD + processes):  # all have started
        next(batches)
    own = psutil.Process()
    working = own.children(recursive=True) if processes else [own]

    def cpu_seconds() -> float:
        return sum(each.cpu_times().user + each.cpu_times().system for each in working)

    made, start, cpu = 0, time.perf_counter(), cpu_seconds()
    while time.perf_counter() - start < SECONDS:
        next(batches)
        made += config.batch_size
    took, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    memory = [each.memory_full_info() for each in working]
    whole, own_only = np.mean([(each.rss, each.uss) for each in memory], axis=0) / 2**20
    batches.close()
    who = f"{processes} processes" if processes else "a thread"
    print(
        f"loader, {who}: {made / took:,.0f} positions/s, {made / cpu:,.0f} positions/s of a core, "
        f"{whole:.0f} MiB a process, of which {whole - own_only:.0f} are shared"
    )


def parts_of(config: TrainConfig):
    """The parameters, a batch without content, the loss, the optimizer and the update."""
    assert isinstance(config.network, BoardConfig)
    size = config.batch_size
    inputs = empty_inputs(size, config.max_moves, after=config.network.afterstates)
    batch = Batch(inputs, np.zeros((size, config.max_moves), np.float32))
    optimizer = partial(make_optimizer, config.optimizer, 1)
    loss_of = network_loss(config.network, config.loss, config.compute_dtype)
    update = make_update(loss_of, optimizer, moving_average(config.optimizer))
    return first_params(config.network, 0, None), batch, loss_of, optimizer, update


def show_profile(config: TrainConfig) -> None:
    """Seconds of the parts of a step, and how many times its limit by FLOPs each one takes."""
    assert isinstance(config.network, BoardConfig)
    params, batch, loss_of, optimizer, update = parts_of(config)
    state = init_state(params, optimizer)
    dtype = jnp.dtype("bfloat16" if config.compute_dtype == "bfloat16" else "float32")
    squares = hk.without_apply_rng(hk.transform(partial(trunk, config.network, dtype=dtype)))
    gradient = jax.value_and_grad(lambda p, b: loss_of(p, b)[0])
    progress = np.zeros((), np.float32)
    programs = {
        "forward: the squares": (squares.apply, params, batch.inputs),
        "forward: all": (loss_of, params, batch),
        "forward and backward": (gradient, params, batch),
        "a whole step": (update, state, batch, progress),
    }
    rate = max(matmul_rates())
    print(f"products of large matrices: {rate / 1e9:.0f} GFLOP/s")
    compiled = {}
    for name, (function, *arguments) in programs.items():
        lowered = jax.jit(function).lower(*arguments)
        compiled[name] = lowered.compile(), of(lowered, "flops"), arguments
    seconds = timed({name: (program, *rest) for name, (program, _, rest) in compiled.items()})
    before_s, before_flops = 0.0, 0.0
    for name, (_, flops, _) in compiled.items():
        took = seconds[name]
        added_s, added_flops = took - before_s, flops - before_flops
        print(
            f"{name}: {took:.3f} s, {took / (flops / rate):.2f} times its limit; "
            f"{added_s:.3f} s more than the line above, {added_s / (added_flops / rate):.2f} times "
            "the limit of that"
        )
        before_s, before_flops = took, flops
    print(f"{config.batch_size / before_s:.0f} positions/s without the loader")


def show_operations(config: TrainConfig) -> None:
    """The rates of the operations of a trunk layer, one by one, in float32."""
    network = config.network
    assert isinstance(network, BoardConfig)
    batch, heads, width = config.batch_size, network.heads, network.width
    rows, hidden = 64 * batch, network.width * network.widening

    def normal(*shape: int) -> jax.Array:
        return jax.random.normal(jax.random.key(0), shape)

    x, y, maps = normal(rows, width), normal(rows, hidden), normal(width, hidden)
    queries, pairs = normal(batch, heads, 64, width // heads), normal(batch, heads, 64, 64)
    relations, biases = normal(batch, 4, 64 * 64), normal(batch, heads, 4)
    product, of_attention = 2 * rows * width * hidden, 2 * rows * 64 * width
    operations = {
        "the first product of the feed-forward layer": (jnp.matmul, product, x, maps),
        "its gradient by the rows": (lambda y, w: y @ w.T, product, y, maps),
        "its gradient by the matrix": (lambda x, y: x.T @ y, product, x, y),
        "logits of attention": (lambda q, k: q @ k.swapaxes(2, 3), of_attention, queries, queries),
        "weighted sums of values": (jnp.matmul, of_attention, pairs, queries),
        "biases of relations": (jnp.matmul, 8 * pairs.size, biases, relations),
        "softmax": (jax.nn.softmax, 0, pairs),
        "gradient of softmax": (lambda w, g: jax.vjp(jax.nn.softmax, w)[1](g), 0, pairs, pairs),
    }
    programs = {
        name: (jax.jit(function).lower(*arguments).compile(), *arguments)
        for name, (function, _, *arguments) in operations.items()
    }
    for name, took in timed(programs).items():
        flops = operations[name][1]
        rate = f", {flops / took / 1e9:.0f} GFLOP/s" if flops else ""
        print(f"{name}: {1e3 * took:.1f} ms{rate}")


def timed(programs: dict[str, tuple]) -> dict[str, float]:
    """Compiled programs with their arguments -> the median seconds of each, all in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(PROFILED):
        for name, (program, *arguments) in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(*arguments))
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(each)) for name, each in seconds.items()}


def show_step(config: TrainConfig, compiled: bool) -> None:
    """FLOPs, and with ``compiled`` bytes, of one step."""
    size = config.batch_size
    params, batch, _, optimizer, update = parts_of(config)
    count = sum(array.size for array in jax.tree.leaves(params))
    state = jax.eval_shape(lambda: init_state(params, optimizer))
    state_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    start = time.perf_counter()
    lowered = jax.jit(update, donate_argnums=0).lower(state, batch, np.zeros((), np.float32))
    traced = time.perf_counter() - start
    print(f"parameters: {count:,}; state {state_bytes / 2**20:.0f} MiB; traced in {traced:.1f} s")
    flops = of(lowered, "flops")
    print(
        f"a step of {size} positions: {flops / 1e12:.2f} TFLOP, {flops / size / 1e9:.2f} GFLOP each"
    )
    print(f"{TARGET:,} positions/s: {flops / size * TARGET / 1e12:.0f} TFLOP/s")
    sent = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(batch))
    print(f"a batch is {sent / 2**20:.1f} MiB; {sent / size * TARGET / 1e6:.0f} MB/s to the device")
    if compiled:
        start = time.perf_counter()
        program = lowered.compile()
        moved = of(program, "bytes accessed")
        print(f"compiled in {time.perf_counter() - start:.0f} s")
        rate = moved / size * TARGET / 1e12
        print(f"memory traffic: {moved / 1e9:.1f} GB a step, {rate:.2f} TB/s")


def of(program, what: str) -> float:
    """A figure of XLA's cost analysis."""
    analysis = program.cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)[what]


if __name__ == "__main__":
    main()
