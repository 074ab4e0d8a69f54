"""Where space is occupied, and how bright a surface is, as decoded near a sweep's points (CMCR spec 3.5).

Shape legend: n pairs of a query and a point near it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import full_precision


class OccupancyLosses(NamedTuple):
    """Scalars.

    Attributes:
        occupancy: Mean binary cross-entropy over all pairs.
        intensity: Mean absolute error over the pairs with an intensity.
    """

    occupancy: Tensor
    intensity: Tensor


def occupancy_losses(decoded: Tensor, occupied: Tensor, intensity: Tensor) -> OccupancyLosses:
    """Compare what is decoded for each pair with what is known of its query.

    Args:
        decoded: (n, 2): logit of occupancy, intensity.
        occupied: (n,) bool, or 0 and 1.
        intensity: (n,) of the return; a negative one is unknown.

    Returns:
        Both losses; each is exactly 0, and its gradient too, where it has no pairs.

    Source: CMCR spec 3.5.
    """
    with torch.autocast(decoded.device.type, enabled=False):
        logit, brightness = full_precision(decoded).unbind(1)
        known = intensity >= 0
        entropy = functional.binary_cross_entropy_with_logits(logit, occupied.to(logit), reduction="sum")
        error = (brightness - intensity.to(brightness)).abs() * known
        return OccupancyLosses(entropy / max(1, len(logit)), error.sum() / known.sum().clamp(min=1))
