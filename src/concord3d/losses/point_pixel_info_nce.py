"""InfoNCE from points to pixels, as in PPKT (CMCR spec 3.1).

Shape legend: n pairs, D feature width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import full_precision


def draw_pairs(total: int, count: int, draw: torch.Generator) -> Tensor:
    """Draw pairs without replacement.

    Args:
        total: How many there are.
        count: How many are wanted at most.
        draw: CPU generator; it is used also where all are taken.

    Returns:
        (min(total, count),) int64 on the CPU, all different, in random order.

    Source: CMCR spec 3.1.
    """
    return torch.randperm(total, generator=draw)[:count]


def point_pixel_info_nce(points: Tensor, pixels: Tensor, temperature: float) -> Tensor:
    """Return -1/n sum_i log(exp(k_i . q_i / tau) / sum_j exp(k_i . q_j / tau)): points pick their pixel among all.

    Features are taken as they are; the heads normalise them. Logits are computed in float32 or float64. Other processes
    add no candidates, as published.

    Args:
        points: (n, D) features k of points, matched with the pixels by row.
        pixels: (n, D) features q of pixels.
        temperature: tau, positive.

    Returns:
        Scalar; without pairs exactly 0, and its gradient too.

    Source: CMCR spec 3.1, PPKT.
    """
    with torch.autocast(points.device.type, enabled=False):
        keys, queries = full_precision(points), full_precision(pixels)
        if not len(keys):
            return (keys.sum() + queries.sum()) * 0
        own = torch.arange(len(keys), device=keys.device)
        return functional.cross_entropy(keys @ queries.T / temperature, own)
