"""The devices of a training: how many share a batch, and what each of them holds."""

import os

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def share_batches(batch_size: int, cpu_devices: int | None = None) -> None:
    """On CPUs, divide batches among so many devices; by default one a core, if the batch divides.

    Call it before JAX's first computation.
    """
    cores = os.cpu_count() or 1
    jax.config.update(
        "jax_num_cpu_devices", cpu_devices or (cores if batch_size % cores == 0 else 1)
    )


def shardings() -> tuple[NamedSharding, NamedSharding]:
    """Over all devices: the same on each, and by position."""
    mesh = jax.make_mesh((jax.local_device_count(),), ("data",), (AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
