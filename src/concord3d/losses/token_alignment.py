"""Agreement of hidden tokens with the whole, and of two branches with each other (Cross-MoST spec 3.5).

Shape legend: B items, H hidden tokens of a batch, D feature width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.info_nce import unit_rows


def global_local(tokens: Tensor, whole: Tensor) -> Tensor:
    """Return the mean over hidden tokens of ||n(token) - n(whole)||^2; gradients reach both sides.

    Args:
        tokens: (H, D) projected tokens.
        whole: (H, D) feature of the item of each.

    Returns:
        Scalar; 0 where nothing is hidden.

    Source: Cross-MoST spec 3.5, L_gl.
    """
    difference = functional.normalize(tokens.float(), dim=1) - unit_rows(whole)
    return difference.square().sum() / max(1, len(tokens))


def cross_modal_alignment(points: Tensor, pictures: Tensor, scale: float = 1.0) -> Tensor:
    """Return CE(S, diagonal) + CE(S^T, diagonal) with S = scale F_P F_I^T, the cosines of all pairs of a batch.

    As published there is no temperature and no item of another process. Between B items the loss of one direction lies
    between log(1 + (B - 1) e^{-2}) and log(B) up to that.

    Args:
        points: (B, D).
        pictures: (B, D).
        scale: Factor of the cosines.

    Returns:
        Scalar float32.

    Source: Cross-MoST spec 3.5, L_x.
    """
    with torch.autocast(device_type=points.device.type, enabled=False):
        cosines = scale * unit_rows(points) @ unit_rows(pictures).T
        target = torch.arange(len(cosines), device=cosines.device)
        return functional.cross_entropy(cosines, target) + functional.cross_entropy(cosines.T, target)
