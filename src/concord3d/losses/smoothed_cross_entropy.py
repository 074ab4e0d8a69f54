"""Cross-entropy with labels smoothed over the wrong classes, as DGCNN trains (MM-Point spec 6.3).

Shape legend: M items, C classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Return the mean cross-entropy with a target of 1 - smoothing on the true class and the rest on the wrong ones.

    Args:
        logits: (M, C) float32, C at least 2.
        labels: (M,) int64.
        smoothing: Mass shared equally by the C - 1 wrong classes, at most (C - 1) / C.

    Returns:
        Scalar.
    """
    num_classes = logits.shape[1]
    # torch shares the mass over all C classes, the true one included.
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing * num_classes / (num_classes - 1))
