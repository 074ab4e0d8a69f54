"""EdgeConv without its edge tensor: exact, and several times faster than the literal form.

The edge MLP is linear before batch normalisation: ``W concat(x_j - x_i, x_i) = Wa x_j + (Wb - Wa) x_i = u_j + v_i``,
two per-point maps. Normalisation and LeakyReLU are monotone in each channel, so the maximum over neighbours is the
activation of ``max_j u_j + v_i`` (of the minimum where the scale of the normalisation is negative). The batch
statistics over all edges are those of a linear map of the edge features, so they follow from the mean and the
covariance of the edge features, and those from neighbour sums and in-degrees.

Shapes: B clouds, N points, K neighbours, M = B * N points of the batch, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from concord3d.errors import BadCloud
from concord3d.models.neighbour_ops import NeighbourGraph, neighbour_max, neighbour_sum

NEGATIVE_SLOPE = 0.2


class EdgeConv(nn.Module):
    """One EdgeConv layer: 1x1 convolution of edge features, BatchNorm, LeakyReLU(0.2), max over neighbours (spec 2.1).

    Args:
        in_channels: C of the point features; the edge features have 2 C.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.linear = nn.Linear(2 * in_channels, out_channels, bias=False)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor, indices: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            features: (B, N, C) point features.
            indices: (B, N, K) int64 neighbours of each point in its own cloud.

        Returns:
            (B, N, out_channels) features.
        """
        if features.shape[-1] != self.in_channels:
            raise BadCloud("Wrong number of channels", expected=self.in_channels, found=features.shape[-1])
        with torch.autocast(features.device.type, enabled=False):
            return self._forward(features.to(self.linear.weight.dtype), NeighbourGraph.from_indices(indices))

    def _forward(self, features: Tensor, graph: NeighbourGraph) -> Tensor:
        # Differences to neighbours lose digits when a cloud lies far from the origin; a constant offset changes only v.
        centre = features.detach().mean(1, keepdim=True)
        centred = (features - centre).flatten(0, 1)
        weight_difference, weight_own = self.linear.weight.split(self.in_channels, dim=1)
        if self.training:
            own = (features - centre.mean(0, keepdim=True)).flatten(0, 1)
            mean, variance = self._batch_statistics(centred, own, centre.mean(0), graph)
        else:
            mean, variance = self.norm.get_buffer("running_mean"), self.norm.get_buffer("running_var")
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        shift = self.norm.bias - mean * scale
        # The scale is folded into the weights: the maximum then already looks the right way in every channel.
        neighbour_part = functional.linear(centred, scale.unsqueeze(1) * weight_difference)
        own_part = functional.linear(centred, scale.unsqueeze(1) * (weight_own - weight_difference), shift)
        offset = functional.linear(centre, scale.unsqueeze(1) * weight_own)
        edges = (neighbour_max(neighbour_part, graph) + own_part).view(*features.shape[:2], -1) + offset
        return functional.leaky_relu(edges, NEGATIVE_SLOPE)

    def _batch_statistics(
        self, centred: Tensor, own: Tensor, offset: Tensor, graph: NeighbourGraph
    ) -> tuple[Tensor, Tensor]:
        """Return mean and biased variance (out_channels,) over all edges, and update the running statistics."""
        num_edges = graph.num_points * graph.num_neighbours
        if num_edges < 2:
            raise BadCloud("Batch statistics need more than one edge", expected="at least 2", found=num_edges)
        edge_mean, edge_covariance = edge_moments(centred, own, graph)
        weight = self.linear.weight
        mean = weight @ edge_mean + weight[:, self.in_channels :] @ offset.flatten()
        variance = ((weight @ edge_covariance) * weight).sum(1).clamp(min=0)
        update_running_statistics(self.norm, mean.detach(), variance.detach() * (num_edges / (num_edges - 1)))
        return mean, variance


def edge_moments(centred: Tensor, own: Tensor, graph: NeighbourGraph) -> tuple[Tensor, Tensor]:
    """Compute mean and covariance of the edge features ``concat(x_j - x_i, x_i)`` without building them.

    Args:
        centred: (M, C) features from which the differences are taken; a constant per cloud does not matter.
        own: (M, C) features of the second half, centred so that they are small.
        graph: The graph over the M points.

    Returns:
        (2C,) mean and (2C, 2C) second central moments; only the symmetric part of the latter is meaningful.
    """
    num_neighbours = graph.num_neighbours
    num_edges = graph.num_points * num_neighbours
    differences = neighbour_sum(centred, graph) - num_neighbours * centred
    excess = (graph.in_degrees() - num_neighbours).to(centred.dtype).unsqueeze(1)
    # sum_ij (x_j - x_i)(x_j - x_i)^T up to an antisymmetric part, which no quadratic form sees.
    within = (excess * centred - 2 * differences).t() @ centred
    cross = differences.t() @ own
    around = num_neighbours * (own.t() @ own)
    second = torch.cat([torch.cat([within, cross], 1), torch.cat([cross.t(), around], 1)], 0) / num_edges
    mean = torch.cat([differences.sum(0) / num_edges, own.mean(0)])
    return mean, second - torch.outer(mean, mean)


def update_running_statistics(norm: nn.BatchNorm1d, mean: Tensor, unbiased_variance: Tensor) -> None:
    """Update the running statistics of a normalisation layer as its own forward would.

    Args:
        norm: The layer.
        mean: (C,) mean of the batch.
        unbiased_variance: (C,) variance of the batch with n - 1 in the denominator.
    """
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    momentum = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
    norm.running_var.lerp_(unbiased_variance.to(norm.running_var.dtype), momentum)
