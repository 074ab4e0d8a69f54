"""Features shall not hold more than they need: their channels are drawn towards a standard normal (CMCR spec 3.6).

Shape legend: M voxels, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.losses.embeddings import full_precision

_LEAST_VARIANCE = 1e-12


def standard_normal_kl(features: Tensor) -> Tensor:
    """Return 1/2 mean_c (mu_c^2 + s_c^2 - 1 - log s_c^2), mu and s^2 the mean and variance of channel c over voxels.

    Args:
        features: (M, C).

    Returns:
        Scalar of at least 0; with fewer than two voxels, which have no variance, exactly 0, and its gradient too.

    Source: CMCR spec 3.6, reading (a).
    """
    with torch.autocast(features.device.type, enabled=False):
        values = full_precision(features)
        if len(values) < 2:
            return values.sum() * 0
        variance, mean = torch.var_mean(values, 0, correction=0)
        variance = variance.clamp(min=_LEAST_VARIANCE)
        return 0.5 * (mean.square() + variance - 1 - variance.log()).mean()
