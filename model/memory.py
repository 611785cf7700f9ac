"""Keep freed memory in the process: on CPUs, training then runs up to twice as fast.

XLA allocates and frees its buffers in every step. glibc gives each large one back to the system and
faults it in again, page by page, which costs more than the element-wise work done in it.
"""

import ctypes
import ctypes.util

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for reuse; False where the C library has no such settings.

    Call it before JAX's first computation.
    """
    mallopt = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "mallopt", None)
    if mallopt is None:
        return False
    settings = {
        _M_ARENA_MAX: 1,  # other arenas cannot hold buffers of over 64 MiB
        _M_MMAP_MAX: 0,  # no buffer is mapped by itself
        _M_TRIM_THRESHOLD: -1,  # nothing is given back, however much is free
        _M_TOP_PAD: 64 << 20,
    }
    accepted = [mallopt(parameter, value) for parameter, value in settings.items()]
    return all(accepted)
