"""Two-layer edge networks and point-wise blocks of the segmentation models (MM-Point spec 2.3, 6.5).

Shapes: B clouds, N points, K neighbours, M = B * N points of the batch, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from concord3d.models.edge_conv import NEGATIVE_SLOPE
from concord3d.models.neighbour_ops import NeighbourGraph


class PointwiseBlock(nn.Module):
    """Linear map without bias, BatchNorm and LeakyReLU(0.2) on the last axis of (..., C).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=False)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (..., out_channels) of (..., in_channels)."""
        return self.activate(self.linear(features))

    def activate(self, mapped: Tensor) -> Tensor:
        """Normalise and activate (..., out_channels) values that are already mapped."""
        normalised: Tensor = self.norm(mapped.flatten(0, -2))
        return functional.leaky_relu(normalised, NEGATIVE_SLOPE).view(mapped.shape)


class EdgeMLP(nn.Module):
    """EdgeConv with two layers: both act on edges, then the maximum over the neighbours.

    The second layer follows a non-linearity, so the edges have to be built; the first is still computed per point.

    Args:
        in_channels: C of the point features.
        hidden_channels: Channels after the first layer.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.first = PointwiseBlock(2 * in_channels, hidden_channels)
        self.second = PointwiseBlock(hidden_channels, out_channels)

    def forward(self, features: Tensor, indices: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            features: (B, N, C) point features.
            indices: (B, N, K) int64 neighbours of each point in its own cloud.

        Returns:
            (B, N, out_channels) features.
        """
        graph = NeighbourGraph.from_indices(indices)
        weight_difference, weight_own = self.first.linear.weight.split(self.in_channels, dim=1)
        flat = features.flatten(0, 1)
        neighbour_part = functional.linear(flat, weight_difference)
        own_part = functional.linear(flat, weight_own - weight_difference)
        edges = neighbour_part.index_select(0, graph.neighbours.flatten()).view(*graph.neighbours.shape, -1)
        hidden = self.first.activate(edges + own_part.unsqueeze(1))
        return self.second(hidden).amax(1).view(*features.shape[:2], -1)
