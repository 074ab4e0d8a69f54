"""Literal transcription of PointNet as the spec prints it, with every activation written out (MM-Point spec 2.2)."""

from __future__ import annotations

from torch import Tensor

from concord3d.models.pointnet import PointNet


class LiteralPointNet(PointNet):
    """The same layers, one after the other, then the maximum over the points."""

    def forward(self, points: Tensor) -> Tensor:
        """Encode (B, N, C) clouds into (B, 1024) features."""
        features = points.flatten(0, 1)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            features = norm(linear(features)).relu()
        return features.view(*points.shape[:2], -1).amax(1)
