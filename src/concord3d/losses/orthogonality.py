"""Specific features shall not repeat what the shared ones say (CMCR spec 3.3).

Shape legend: M voxels or pixels, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import NORM_FLOOR, full_precision


def orthogonality(shared: Tensor, specific: Tensor, num_rows: int | None = None) -> Tensor:
    """Return ||F^T G||_Fro / C^2, G with rows of length 1; without ``num_rows`` the sum over rows as released.

    The released sum grows with the number of rows, so its weight would depend on the scale. ``num_rows`` makes it what
    as many rows of the same kind would give: the mean over rows times that number.

    Args:
        shared: (M, C) features F, which the head has normalised.
        specific: (M, C) features G, not normalised.
        num_rows: The number of rows to which the sum is scaled; the released code has 10,000 to 60,000 voxels a step.

    Returns:
        Scalar; without rows exactly 0, and its gradient too.

    Source: CMCR spec 3.3.
    """
    with torch.autocast(shared.device.type, enabled=False):
        ours, other = full_precision(shared), full_precision(specific)
        products = ours.T @ functional.normalize(other, dim=1, eps=NORM_FLOOR)
        scale = 1.0 if num_rows is None else num_rows / max(1, len(ours))
        return torch.linalg.matrix_norm(products) * (scale / ours.shape[1] ** 2)


def mean_squared_cosine(shared: Tensor, specific: Tensor) -> Tensor:
    """Return the mean over rows of the squared cosine of shared and specific features, between 0 and 1.

    Args:
        shared: (M, C).
        specific: (M, C).

    Returns:
        Scalar; 0 without rows.

    Source: CMCR spec 7, claim 17.
    """
    cosines = functional.cosine_similarity(full_precision(shared), full_precision(specific), dim=1)
    return cosines.square().sum() / max(1, len(cosines))
