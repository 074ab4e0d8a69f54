"""Per-point embedding followed by global pooling, the last stage of DGCNN.

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.models.edge_conv import NEGATIVE_SLOPE


class PooledEmbedding(nn.Module):
    """Linear map, BatchNorm and LeakyReLU(0.2) per point, then maximum and mean over the points (spec 2.1).

    Args:
        in_channels: Channels per point.
        out_channels: Channels of the embedding; the output has twice as many.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=False)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Embed and pool.

        Args:
            features: (B, N, C) point features.

        Returns:
            (B, 2 * out_channels): maxima over the points, then means.
        """
        embedded = self.norm(self.linear(features.flatten(0, 1)))
        embedded = functional.leaky_relu(embedded, NEGATIVE_SLOPE).view(*features.shape[:2], -1)
        return torch.cat([embedded.amax(1), embedded.mean(1)], -1)
