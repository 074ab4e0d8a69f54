"""NT-Xent with cross-modal and same-side candidates.

Shape legend: B objects on this process, N objects over all processes, D embedding width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import NORM_FLOOR, Gather, no_gather


def _unit(embeddings: Tensor) -> Tensor:
    # Dividing by max(|x|, floor) through the squared norm keeps value and gradient finite at the zero vector.
    squared = embeddings.float().square().sum(dim=1, keepdim=True)
    return embeddings.float() * squared.clamp_min(NORM_FLOOR**2).rsqrt()


def directional_nt_xent(x: Tensor, y: Tensor, temperature: float, gather: Gather = no_gather) -> Tensor:
    """Contrast anchors ``x`` with targets ``y`` matched by row, averaged over the anchors: D(X, Y) of MM-Point spec 3.

    Every anchor has 2N - 1 candidates: all N targets and the other N - 1 anchors. Similarities and the
    log-sum-exp are computed in float32 whatever the precision of the input. With candidates of its own side the loss
    bounds no mutual information: see :mod:`concord3d.losses.mutual_information`.

    Args:
        x: (B, D) anchors, floating point, need not be normalised.
        y: (B, D) targets.
        temperature: Positive divisor of the cosine similarities.
        gather: Collects rows over processes; each process then returns the mean over its own rows, and the mean of
            these over processes is the loss of the joint batch.

    Returns:
        Scalar float32 loss in nats.

    Source: MM-Point spec 3 (NT-Xent term l_i and its mean D).
    """
    with torch.autocast(device_type=x.device.type, enabled=False):
        anchors, targets = _unit(x), _unit(y)
        all_anchors, offset = gather(anchors)
        all_targets, _ = gather(targets)
        rows = torch.arange(len(anchors), device=x.device)
        cross = anchors @ all_targets.T / temperature
        same = anchors @ all_anchors.T / temperature
        itself = torch.zeros_like(same, dtype=torch.bool)
        itself[rows, rows + offset] = True
        logits = torch.cat([cross, same.masked_fill(itself, -torch.inf)], dim=1)
        return functional.cross_entropy(logits, rows + offset)


def nt_xent(x: Tensor, y: Tensor, temperature: float, gather: Gather = no_gather) -> Tensor:
    """Return the symmetric loss C(X, Y) = (D(X, Y) + D(Y, X)) / 2 (MM-Point spec 3).

    Args:
        x: (B, D) embeddings of one side.
        y: (B, D) embeddings of the other side, matched by row.
        temperature: Positive divisor of the cosine similarities.
        gather: See :func:`directional_nt_xent`.

    Returns:
        Scalar float32 loss in nats.
    """
    forward = directional_nt_xent(x, y, temperature, gather)
    backward = directional_nt_xent(y, x, temperature, gather)
    return (forward + backward) / 2
