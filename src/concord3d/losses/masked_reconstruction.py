"""What hidden patches and hidden groups of points looked like, as the student tells it.

Predictions are asked for where something is hidden, and nowhere else.

Shape legend: H hidden patches, tokens or groups of a batch, W width of tokens, c channels, S points of a group.
"""

from __future__ import annotations

import torch
from torch import Tensor


def masked_pixels_loss(predicted: Tensor, target: Tensor, divisor: float) -> Tensor:
    """Return the sum of |r - x| over hidden pixels and channels, divided by the number of pixels and by ``divisor``.

    Args:
        predicted: (H, c, ...) pixels r of hidden patches.
        target: (H, c, ...) normalised pixels x.
        divisor: D, the number of tokens in the published code, of channels in MUST.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, L_mask of images.
    """
    num_pixels = predicted.numel() // predicted.shape[1]
    return (predicted.float() - target.float()).abs().sum() / max(1, num_pixels) / divisor


def masked_tokens_loss(predicted: Tensor, target: Tensor, num_items: int) -> Tensor:
    """Return (1 / B) sum over hidden tokens of ||h - t||_1, divided by the number of hidden tokens of the batch.

    Args:
        predicted: (H, W) predictions h.
        target: (H, W) tokens t.
        num_items: B, the items of the batch.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, L_mask of points.
    """
    return (predicted.float() - target.float()).abs().sum() / max(1, len(predicted)) / num_items


def masked_groups_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean over hidden groups of the Chamfer distance between predicted and true points.

    The distance is the mean squared distance to the nearest point, summed over both directions.

    Args:
        predicted: (H, S, 3).
        target: (H, S, 3).

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, the variant of its figure.
    """
    if not len(predicted):
        return predicted.sum()
    distances = torch.cdist(predicted.float(), target.float()).square()
    return (distances.amin(2).mean(1) + distances.amin(1).mean(1)).mean()
