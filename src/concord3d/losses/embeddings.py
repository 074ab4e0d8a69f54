"""What losses over embeddings share.

Shape legend: B objects on this process, N objects over all processes, D embedding width.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

# The least length that an embedding is divided by.
NORM_FLOOR = 1e-8


class Gather(Protocol):
    """Collects embeddings over processes: (B, D) -> ((N, D) with gradient, index of this process's first row)."""

    def __call__(self, embeddings: Tensor) -> tuple[Tensor, int]: ...


def no_gather(embeddings: Tensor) -> tuple[Tensor, int]:
    """Return the embeddings unchanged: the single-process form of :class:`Gather`."""
    return embeddings, 0


def full_precision(values: Tensor) -> Tensor:
    """Return float64 values as they are, and all others as float32."""
    return values if values.dtype == torch.float64 else values.float()
