"""Pseudo-labels must not fall into a few classes: the mean prediction of a batch is drawn towards the uniform one.

Shape legend: B rows on this process, N rows over all processes, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.losses.embeddings import Gather, no_gather

_FLOOR = 1e-12


def fairness(logits: Tensor, gather: Gather = no_gather) -> Tensor:
    """Return -1/K sum_k log p_k, p the mean over N of softmax(logits); log K where p is uniform, its minimum.

    Args:
        logits: (B, K).
        gather: Collects rows over processes.

    Returns:
        Scalar float32.

    Source: Cross-MoST spec 3.5, L_fair.
    """
    with torch.autocast(device_type=logits.device.type, enabled=False):
        joint, _ = gather(logits.float().softmax(1))
        return -joint.mean(0).clamp(min=_FLOOR).log().mean()
