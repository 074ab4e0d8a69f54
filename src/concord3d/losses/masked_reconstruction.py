"""What hidden patches and hidden groups of points looked like, as the student tells it.

Shape legend: B items, T tokens (patches or groups), W width of tokens, c channels, H and W' sides of a picture, S
points of a group.
"""

from __future__ import annotations

import torch
from torch import Tensor


def masked_pixels_loss(predicted: Tensor, target: Tensor, hidden: Tensor, divisor: float) -> Tensor:
    """Return the sum of |r - x| over hidden pixels and channels, divided by their number and by ``divisor``.

    Args:
        predicted: (B, c, H, W') pixels r.
        target: (B, c, H, W') normalised pixels x.
        hidden: (B, H, W') bool.
        divisor: D, the number of tokens in the published code, of channels in MUST.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, L_mask of images.
    """
    difference = (predicted.float() - target.float()).abs() * hidden[:, None]
    return difference.sum() / hidden.sum().clamp(min=1) / divisor


def masked_tokens_loss(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Return (1 / B) sum over hidden tokens of ||h - t||_1, divided by the number of hidden tokens of the batch.

    Args:
        predicted: (B, T, W) predictions h.
        target: (B, T, W) tokens t.
        hidden: (B, T) bool.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, L_mask of points.
    """
    difference = (predicted.float() - target.float()).abs().sum(-1) * hidden
    return difference.sum() / hidden.sum().clamp(min=1) / len(hidden)


def masked_groups_loss(predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
    """Return the mean over hidden groups of the Chamfer distance between predicted and true points.

    The distance is the mean squared distance to the nearest point, summed over both directions.

    Args:
        predicted: (B, T, S, 3).
        target: (B, T, S, 3).
        hidden: (B, T) bool.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, the variant of its figure.
    """
    distances = torch.cdist(predicted[hidden].float(), target[hidden].float()).square()
    if not len(distances):
        return (predicted * 0).sum()
    return (distances.amin(2).mean(1) + distances.amin(1).mean(1)).mean()
