"""Pictures that are reconstructed from features of their visible part (CMCR spec 3.4).

Shape legend: B pictures, H rows and W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.losses.embeddings import full_precision


def picture_error(predicted: Tensor, target: Tensor, where: Tensor | None = None) -> Tensor:
    """Return the mean squared error over pixels and channels: of whole pictures as published, or of some pixels.

    Args:
        predicted: (B, 3, H, W) in [0, 1].
        target: (B, 3, H, W) in [0, 1], the picture before it was masked and normalised.
        where: (B, H, W) bool of the pixels that count, such as the hidden ones; None for all.

    Returns:
        Scalar; without pixels exactly 0, and its gradient too.

    Source: CMCR spec 3.4, L_rec.
    """
    with torch.autocast(predicted.device.type, enabled=False):
        squares = (full_precision(predicted) - full_precision(target)).square().mean(1)
        if where is None:
            return squares.sum() / max(1, squares.numel())
        return (squares * where).sum() / where.sum().clamp(min=1)
