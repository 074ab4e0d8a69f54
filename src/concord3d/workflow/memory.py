"""What the processes of jobs do with memory that they have freed."""

from __future__ import annotations

import ctypes
from typing import Any

# Parameters of mallopt(3), and what they are set to.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER_TRIMMED, _LARGEST_KEPT = -1, 2**30


def keep_freed_memory() -> bool:
    """Let the C library keep the memory that this process frees, in blocks of up to 1 GiB.

    By default glibc gives blocks of 32 MiB and more back to the system at once. A training asks for tensors of the same
    sizes at every step, and the system clears every page before it hands it out again. Results do not depend on it; the
    process holds somewhat more than it uses until :func:`return_freed_memory`.

    Returns:
        Whether the C library does so. One that is not glibc, or refuses so large a threshold, is left as it is.
    """
    set_option = _function("mallopt")
    if set_option is None:
        return False
    return bool(set_option(_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(set_option(_TRIM_THRESHOLD, _NEVER_TRIMMED))


def return_freed_memory() -> None:
    """Give the system what this process has freed, where the C library can."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
