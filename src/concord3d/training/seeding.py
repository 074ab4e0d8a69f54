"""Where every random number of a training comes from.

Nothing depends on how many numbers were drawn before: each step and each epoch has its own seed, computed from the
run's seed and the step. A resumed run therefore draws what an uninterrupted one draws, without any stored state.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

# What a seed is for; the numbers are part of what makes a run reproducible.
STREAMS = {"order": 0, "views": 1, "augmentation": 2, "model": 3, "held_out": 4}


def derived_seed(seed: int, stream: str, step: int = 0, rank: int = 0) -> int:
    """Return an independent seed for one purpose, step and process.

    Args:
        seed: The run's seed, not negative.
        stream: A key of :data:`STREAMS`.
        step: Step or epoch.
        rank: Index of the process.

    Returns:
        Integer in [0, 2^63).
    """
    words = np.random.SeedSequence([seed, STREAMS[stream], step, rank]).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


def derived_generator(seed: int, stream: str, step: int = 0, rank: int = 0) -> torch.Generator:
    """Return a CPU generator with the seed of :func:`derived_seed`."""
    generator = torch.Generator()
    generator.manual_seed(derived_seed(seed, stream, step, rank))
    return generator


def seed_everything(seed: int) -> None:
    """Seed the global generators of python, numpy and torch before a method is initialised."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def set_deterministic(enabled: bool) -> None:
    """Choose deterministic algorithms where there are any; a kernel without one warns and runs.

    Args:
        enabled: Off allows faster kernels whose results differ from run to run.
    """
    torch.use_deterministic_algorithms(enabled, warn_only=True)
    # Filling fresh memory with NaN is for finding bugs and costs time at every allocation.
    allocation: Any = torch.utils.deterministic
    allocation.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = not enabled


def set_threads(num_threads: int) -> None:
    """Limit torch to ``num_threads`` threads: results may depend on the number in the last bits."""
    torch.set_num_threads(num_threads)
