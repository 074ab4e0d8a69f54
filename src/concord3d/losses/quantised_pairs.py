"""What a point and its pixel say to the codebook that both are quantised by (CMCR spec 3.2).

Shape legend: n pairs, C channels, V codes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import full_precision

_LOG_FLOOR = 1e-10
_ROOT_FLOOR = 1e-12


def commitment(features: Tensor, own: Tensor, paired: Tensor, beta: float) -> Tensor:
    """Return 2 beta MSE(x, e_own) + beta MSE(x, e_paired): features stay near their code and near that of their pair.

    MSE is the mean over entries. No gradient reaches the codes.

    Args:
        features: (n, C) x.
        own: (n, C) nearest code of each.
        paired: (n, C) nearest code of what it is paired with.
        beta: Weight.

    Returns:
        Scalar; without pairs exactly 0, and its gradient too.

    Source: CMCR spec 3.2, L_com.
    """
    with torch.autocast(features.device.type, enabled=False):
        values = full_precision(features)
        errors = [(values - full_precision(codes).detach()).square().sum() for codes in (own, paired)]
        return beta * (2 * errors[0] + errors[1]) / max(1, values.numel())


def code_matching(points: Tensor, pixels: Tensor, codes: Tensor) -> Tensor:
    """Return the cross-entropy of picking each point's pixel by how alike both spread over the codes.

    With p_i = softmax_v(-||a_i - e_v||), and r_j likewise of the pixels, the similarity of point i and pixel j is
    S_ij = sum_v p_iv log(r_jv + 1e-10) + r_jv log(p_iv + 1e-10), and the loss is -1/n sum_i log softmax_j(S)_ii. The
    released code adds 1e-5 to a denominator that is at least 1, for an exponential without the largest logit taken off;
    it is left out. No gradient reaches the codes.

    Args:
        points: (n, C) features a.
        pixels: (n, C) features b, matched by row.
        codes: (V, C).

    Returns:
        Scalar; without pairs exactly 0, and its gradient too.

    Source: CMCR spec 3.2, L_cm.
    """
    with torch.autocast(points.device.type, enabled=False):
        first, second = full_precision(points), full_precision(pixels)
        if not len(first):
            return (first.sum() + second.sum()) * 0
        p, r = (_spread(values, full_precision(codes).detach()) for values in (first, second))
        similarity = p @ (r + _LOG_FLOOR).log().T + (p + _LOG_FLOOR).log() @ r.T
        return functional.cross_entropy(similarity, torch.arange(len(p), device=p.device))


def _spread(values: Tensor, codes: Tensor) -> Tensor:
    """Return (n, V) probabilities of codes that fall with their distance; at distance 0 the gradient is 0."""
    squares = values.square().sum(1)[:, None] - 2 * values @ codes.T + codes.square().sum(1)
    return (-squares.clamp(min=_ROOT_FLOOR).sqrt()).softmax(1)
