"""A lower bound on the mutual information of two sides of matched pairs (MM-Point spec 3).

Shape legend: N pairs, D embedding width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.info_nce import unit_rows


def info_nce_bound(scores: Tensor) -> Tensor:
    """Return log N - L, where L is the cross-entropy of picking each anchor's own partner among all N partners.

    Every candidate is drawn from the other side: an anchor's partner from the joint distribution, the N - 1 others
    from the product of the marginals. Then the expectation is at most the mutual information, whatever the scores
    are, and it comes close where the scores are log p(y|x) / p(y) up to a function of x, and N is large. Candidates of
    the anchor's own side would break this.

    Args:
        scores: (N, N) score of anchor i (row) with candidate j (column); the diagonal holds the pairs.

    Returns:
        Scalar float32 in nats; at most log N, so compare only values at one N. Below 0 it bounds nothing.

    Source: van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018, section 2.3.
    """
    own = torch.arange(len(scores), device=scores.device)
    return math.log(len(scores)) - functional.cross_entropy(scores.float(), own)


def mutual_information_bound(x: Tensor, y: Tensor, temperature: float) -> Tensor:
    """Return :func:`info_nce_bound` with cosine similarities over a temperature as scores (MM-Point spec 3).

    Args:
        x: (N, D) anchors, floating point, need not be normalised.
        y: (N, D) candidates, matched by row.
        temperature: Positive divisor of the cosine similarities.

    Returns:
        Scalar float32 in nats.
    """
    with torch.autocast(device_type=x.device.type, enabled=False):
        return info_nce_bound(unit_rows(x) @ unit_rows(y).T / temperature)
