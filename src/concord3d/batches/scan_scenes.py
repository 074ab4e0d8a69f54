"""Whole scans: their objects, points with colours, frames, floorplan and referral.

Shape legend: B scans, P_i points of scan i, K frames, D widths.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from concord3d.batches.interface import Batch
from concord3d.batches.scan_objects import ScanObjectBatch


@dataclass(frozen=True)
class ScanSceneBatch(Batch):
    """Some scans.

    Attributes:
        objects: Their objects.
        points: B tensors (P_i, 3) float32 in metres, z up; a scan without points has one, the origin.
        colors: B tensors (P_i, 3) float32 in [0, 1].
        has_points: (B,) bool.
        pictures: (B, K, 2 D) float32 features of frames: pooled, and the mean of the map.
        has_pictures: (B, K) bool.
        floorplan: (B, D) float32.
        has_floorplan: (B,) bool.
        referral: (B, D) float32.
        has_referral: (B,) bool.
    """

    objects: ScanObjectBatch
    points: list[Tensor]
    colors: list[Tensor]
    has_points: Tensor
    pictures: Tensor
    has_pictures: Tensor
    floorplan: Tensor
    has_floorplan: Tensor
    referral: Tensor
    has_referral: Tensor
