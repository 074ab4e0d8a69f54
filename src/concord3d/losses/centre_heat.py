r"""The focal loss of heat maps around centres, and the distance of what is regressed there (CMCR spec 4.3).

With a map p in (0, 1) and its target y, which is 1 at centres and falls off around them, and n centres,

.. math:: L_{heat} = -\frac{1}{n} \sum \begin{cases} (1 - p)^2 \log p & y = 1 \\ (1 - y)^4 p^2 \log(1 - p) & y < 1,
   \end{cases} \qquad L_{box} = \frac{1}{n} \sum_i \sum_c w_c |\hat b_{ic} - b_{ic}|.

Source: CornerNet, CenterPoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Probabilities stay so far from 0 and 1.
_MARGIN = 1e-4


def heat_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the focal loss of heat maps.

    Args:
        logits: (..., H, W).
        target: (..., H, W) from 0 to 1, 1 exactly at centres.

    Returns:
        Scalar float32.
    """
    found = logits.float().sigmoid().clamp(_MARGIN, 1 - _MARGIN)
    is_centre = target == 1
    near = (1 - found) ** 2 * found.log() * is_centre
    far = (1 - target) ** 4 * found**2 * (1 - found).log() * ~is_centre
    return -(near + far).sum() / is_centre.sum().clamp(min=1)


def box_distance(found: Tensor, target: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the mean over boxes of weighted absolute differences.

    Args:
        found: (n, C).
        target: (n, C); NaN in what is unknown, which counts nothing.
        weights: C.

    Returns:
        Scalar float32; 0 without boxes.
    """
    known = ~target.isnan()
    difference = (found.float() - torch.where(known, target, found.detach().float())).abs() * known
    return (difference * found.new_tensor(weights, dtype=torch.float32)).sum() / max(1, len(target))
