"""Settings of the training process: memory, and the devices that share a batch."""

import ctypes
import ctypes.util
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jax.sharding import NamedSharding

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for reuse; False if the C library has no such settings.

    This makes training on CPUs up to twice as fast. XLA allocates and frees its buffers in every
    step; glibc would return each large one to the system, and page faults on the next allocation
    would cost more than the element-wise work. Call it before JAX's first computation.
    """
    mallopt = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "mallopt", None)
    if mallopt is None:
        return False
    settings = {
        _M_ARENA_MAX: 1,  # other arenas cannot hold buffers of over 64 MiB
        _M_MMAP_MAX: 0,  # no separate mapping for large buffers
        _M_TRIM_THRESHOLD: -1,  # never return memory to the system
        _M_TOP_PAD: 64 << 20,
    }
    accepted = [mallopt(parameter, value) for parameter, value in settings.items()]
    return all(accepted)


def share_batches(batch_size: int, cpu_devices: int | None = None) -> None:
    """Set how many CPU devices share a batch: by default one per core if the batch size is
    divisible by the number of cores, otherwise one.

    Call it before JAX's first computation.
    """
    import jax

    cores = os.cpu_count() or 1
    jax.config.update(
        "jax_num_cpu_devices", cpu_devices or (cores if batch_size % cores == 0 else 1)
    )


def on_host() -> "AbstractContextManager[object]":
    """Compute on the CPU inside a ``with``, where JAX has it: a GPU would need a second to compile
    each of the many small operations that make initial parameters and states."""
    import jax

    try:
        return jax.default_device(jax.local_devices(backend="cpu")[0])
    except RuntimeError:  # JAX_PLATFORMS leaves out the CPU
        return nullcontext()


def shardings() -> "tuple[NamedSharding, NamedSharding]":
    """Shardings over all devices: replicated, and split along the batch axis."""
    import jax
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((jax.local_device_count(),), ("data",), (AxisType.Auto,))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
