"""DGCNN, the point encoder of MM-Point (MM-Point spec 2.1).

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from concord3d.geometry.knn import knn_indices
from concord3d.models.edge_conv import EdgeConv
from concord3d.models.pooled_embedding import PooledEmbedding

_CHANNELS = (64, 64, 128, 256)


class DGCNN(nn.Module):
    """Dynamic graph CNN trunk: four EdgeConv layers, an embedding of their outputs, maximum and mean over the points.

    The graph is rebuilt in feature space before each EdgeConv. With three input channels and 1,024 embedding channels
    it has 617,856 parameters.

    Args:
        k: Neighbours per point (15 in MM-Point's released notebooks).
        emb_dims: Channels of the embedding; the feature has twice as many.
        in_channels: Channels per input point.

    Source: MM-Point spec 2.1.
    """

    def __init__(self, k: int = 15, emb_dims: int = 1024, in_channels: int = 3) -> None:
        super().__init__()
        self.k, self.in_channels = k, in_channels
        self.feature_dim = 2 * emb_dims
        widths = (in_channels, *_CHANNELS)
        self.edge_convs = nn.ModuleList(EdgeConv(*pair) for pair in pairwise(widths))
        self.embedding = PooledEmbedding(sum(_CHANNELS), emb_dims)

    def forward(self, points: Tensor) -> Tensor:
        """Encode clouds.

        Args:
            points: (B, N, in_channels) float, N >= k.

        Returns:
            (B, 2 * emb_dims) global features: maxima, then means.

        Raises:
            ConfigError: k is larger than N.
        """
        features, outputs = points, []
        for layer in self.edge_convs:
            features = layer(features, knn_indices(features, self.k))
            outputs.append(features)
        return self.embedding(torch.cat(outputs, -1), _copies(points))


def _copies(points: Tensor) -> Tensor | None:
    """Return (B, N) which points are point 0 of their cloud once more, as dropped ones are; None if there are none.

    Equal points have equal features in every layer. A GPU embeds them faster than it sorts them out: None there.
    """
    if points.device.type != "cpu":
        return None
    copies = (points == points[:, :1]).all(-1)
    copies[:, 0] = False
    return copies if copies.any() else None
