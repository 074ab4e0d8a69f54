"""The trunk that part and semantic segmentation share.

Shapes: B clouds, N points, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from concord3d.geometry.knn import knn_indices
from concord3d.models.edge_conv import EdgeConv
from concord3d.models.edge_mlp import EdgeMLP, PointwiseBlock

LOCAL_CHANNELS = 192


class SegmentationTrunk(nn.Module):
    """Edge networks C-64-64, 64-64-64 and 64-64, an embedding of their outputs and its maximum over the points.

    Args:
        k: Neighbours per point.
        emb_dims: Width of the global feature.
        in_channels: Channels per input point.

    Source: MM-Point spec 2.3, 6.5.
    """

    def __init__(self, k: int, emb_dims: int, in_channels: int) -> None:
        super().__init__()
        self.k = k
        self.edge_mlps = nn.ModuleList([EdgeMLP(in_channels, 64, 64), EdgeMLP(64, 64, 64)])
        self.edge_conv = EdgeConv(64, 64)
        self.embedding = PointwiseBlock(LOCAL_CHANNELS, emb_dims)

    def forward(self, points: Tensor, graph_points: Tensor) -> tuple[Tensor, Tensor]:
        """Compute local and global features.

        Args:
            points: (B, N, in_channels) input features.
            graph_points: (B, N, C) what the first graph is built on.

        Returns:
            (B, N, 192) local features and (B, emb_dims) global feature.
        """
        first = self.edge_mlps[0](points, knn_indices(graph_points, self.k))
        second = self.edge_mlps[1](first, knn_indices(first, self.k))
        third = self.edge_conv(second, knn_indices(second, self.k))
        local = torch.cat([first, second, third], -1)
        return local, self.embedding(local).amax(1)


def linear_on_repeated(linear: nn.Linear, shared: Tensor, local: Tensor) -> Tensor:
    """Apply a bias-free linear map to ``concat(shared repeated per point, local)`` without repeating.

    Args:
        linear: A map from G + C channels.
        shared: (B, G) one vector per cloud.
        local: (B, N, C) one vector per point.

    Returns:
        (B, N, out) as if applied to the (B, N, G + C) concatenation.
    """
    weight_shared, weight_local = linear.weight.split([shared.shape[-1], local.shape[-1]], dim=1)
    return nn.functional.linear(local, weight_local) + nn.functional.linear(shared, weight_shared).unsqueeze(1)
