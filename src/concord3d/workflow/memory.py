"""What the processes of jobs do with memory that they have freed."""

from __future__ import annotations

import ctypes

# Parameters of mallopt(3), and its largest values: an int each.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER_TRIMMED, _LARGEST_KEPT = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Let the C library keep the memory that this process frees, up to blocks of 1 GiB, until the process ends.

    The C library of most Linux systems gives blocks of 32 MiB and more back to the system at once. A training asks for
    tensors of the same sizes at every step, and the system clears every page before it hands it out again. Results do
    not depend on it.

    Returns:
        Whether the C library does so; others than glibc are left as they are.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(set_option(_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(set_option(_TRIM_THRESHOLD, _NEVER_TRIMMED))
