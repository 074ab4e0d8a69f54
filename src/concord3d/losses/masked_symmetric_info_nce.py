"""Symmetric InfoNCE between two modalities of which either may be missing.

Shape legend: B rows on this process, G groups, N rows of a group, D embedding width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from concord3d.losses.embeddings import Gather, full_precision, no_gather
from concord3d.losses.info_nce import TIE_TOLERANCE


def masked_symmetric_info_nce(
    a: Tensor,
    b: Tensor,
    scale: Tensor,
    present_a: Tensor,
    present_b: Tensor,
    *,
    keep_missing: bool = False,
    gather: Gather = no_gather,
) -> Tensor:
    """Return the sum of the cross-entropies of both directions, the mean over the rows that have both modalities.

    The candidates of a row are the rows of the other side that have its modality, also those without a partner.

    Args:
        a: (B, D) unit vectors of one modality.
        b: (B, D) unit vectors of the other, matched by row.
        scale: 0-d, 1 / tau.
        present_a: (B,) bool.
        present_b: (B,) bool.
        keep_missing: Whether rows without the modality are candidates too, as in the released code.
        gather: Collects rows over processes; the mean of the processes' losses is the loss of the joint batch.

    Returns:
        Scalar loss in nats; without a row that has both, exactly 0, and its gradient too.

    Example:
        >>> one, other = torch.eye(3), torch.eye(3)
        >>> there, absent = torch.tensor([True, True, True]), torch.tensor([True, False, True])
        >>> round(float(masked_symmetric_info_nce(one, other, torch.tensor(1.0), there, absent)), 4)
        0.8647

    Source: Eq. 5 with its masks (CrossOver spec 4).
    """
    with torch.autocast(device_type=a.device.type, enabled=False):
        a, b = full_precision(a), full_precision(b)
        width = a.shape[1]
        joint, offset = gather(torch.cat([a, b, present_a[:, None].to(a), present_b[:, None].to(a)], 1))
        all_a, all_b, all_present = joint.split([width, width, 2], 1)
        everywhere = all_present > 0
        both, count = (present_a & present_b)[None], everywhere.all(1).sum()
        candidates = torch.ones_like(everywhere) if keep_missing else everywhere
        forward = _row_losses(a[None], all_b[None], scale, both, candidates[None, :, 1], offset)
        backward = _row_losses(b[None], all_a[None], scale, both, candidates[None, :, 0], offset)
        total = (forward + backward).sum() + 0 * (joint.sum() + scale)
        num_processes = len(joint) / max(1, len(a))
        return total * num_processes / count.clamp(min=1)


def grouped_symmetric_info_nce(
    a: Tensor,
    b: Tensor,
    scale: Tensor,
    present_a: Tensor,
    present_b: Tensor,
    *,
    keep_missing: bool = False,
    gather: Gather = no_gather,
) -> Tensor:
    """Return half that loss where the candidates of a row are those of its own group, such as the objects of one scan.

    Args:
        a: (G, N, D) unit vectors of one modality.
        b: (G, N, D) unit vectors of the other.
        scale: 0-d, 1 / tau.
        present_a: (G, N) bool.
        present_b: (G, N) bool.
        keep_missing: Whether rows without the modality, and those that fill up a group, are candidates too.
        gather: Counts the rows over processes.

    Returns:
        Scalar loss in nats, the mean over the rows of all groups that have both; without any exactly 0.

    Source: Eq. 1 and 5 (CrossOver spec 4).
    """
    with torch.autocast(device_type=a.device.type, enabled=False):
        a, b = full_precision(a), full_precision(b)
        both = present_a & present_b
        counts, _ = gather(both.sum(1, keepdim=True).to(a))
        ones = torch.ones_like(both)
        forward = _row_losses(a, b, scale, both, ones if keep_missing else present_b, 0)
        backward = _row_losses(b, a, scale, both, ones if keep_missing else present_a, 0)
        total = (forward + backward).sum() + 0 * (a.sum() + b.sum() + scale)
        num_processes = len(counts) / max(1, len(a))
        return total * num_processes / counts.sum().clamp(min=1) / 2


def _row_losses(a: Tensor, b: Tensor, scale: Tensor, scored: Tensor, candidates: Tensor, offset: int) -> Tensor:
    """Return the cross-entropies of the ``scored`` rows of (G, N, D) among the ``candidates`` of (G, M, D)."""
    logits = (scale.to(a) * (a @ b.mT)).masked_fill(~candidates[:, None], -torch.inf)
    own = torch.arange(a.shape[1], device=a.device).expand(len(a), -1)[scored] + offset
    return functional.cross_entropy(logits[scored], own, reduction="none")


def matching_top1(a: Tensor, b: Tensor, present_a: Tensor, present_b: Tensor) -> float | None:
    """Return how many rows find their own row of the other side first among those of their group, in percent.

    Queries and candidates are the rows that have both modalities. Among n equally near ones a hit counts 1 / n.

    Args:
        a: (G, N, D) unit vectors.
        b: (G, N, D) unit vectors.
        present_a: (G, N) bool.
        present_b: (G, N) bool.

    Returns:
        The share over all groups; None where no row has both.
    """
    both = present_a & present_b
    if not both.any():
        return None
    cosines = (full_precision(a) @ full_precision(b).mT).masked_fill(~both[:, None], -torch.inf)[both]
    own = torch.arange(a.shape[1], device=a.device).expand(len(a), -1)[both]
    nearest = cosines >= cosines.amax(1, keepdim=True) - TIE_TOLERANCE
    return 100 * float((nearest.gather(1, own[:, None])[:, 0] / nearest.sum(1)).mean())
