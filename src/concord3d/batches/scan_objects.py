"""Objects of scans by what frozen extractors say of them.

Shape legend: B scans, N objects of the largest of them, D_m width of the features of modality m.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from concord3d.batches.interface import Batch


@dataclass(frozen=True)
class ScanObjectBatch(Batch):
    """Objects of some scans, filled up with empty ones.

    Attributes:
        features: (B, N, D_m) float32 by modality (``image``, ``point``, ``cad``, ``referral``); zeros where missing.
        present: (B, N) bool by modality.
        locations: (B, N, 6) float32 mean and extents by ``point`` and ``cad``, in metres.
        labels: (B, N) int64.
        ids: (B, N) int64.
        valid: (B, N) bool, False for those that fill up.
    """

    features: dict[str, Tensor]
    present: dict[str, Tensor]
    locations: dict[str, Tensor]
    labels: Tensor
    ids: Tensor
    valid: Tensor
