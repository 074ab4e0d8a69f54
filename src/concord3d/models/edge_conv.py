"""EdgeConv without its edge tensor: exact, and several times faster than the literal form.

The edge MLP is linear before batch normalisation: ``W concat(x_j - x_i, x_i) = Wa x_j + (Wb - Wa) x_i = u_j + v_i``,
two per-point maps. Normalisation and LeakyReLU are monotone in each channel, so the maximum over neighbours is the
activation of ``max_j u_j + v_i``, with the scale of the normalisation folded into the maps so that its sign is right.
The batch statistics over all edges are those of a linear map of the edge features, so they follow from the mean and
the covariance of the edge features.

Shapes: B clouds, N points, K neighbours, C channels in, O channels out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from concord3d.errors import BadCloud
from concord3d.models.edge_moments import edge_moments
from concord3d.models.neighbour_ops import NeighbourGraph, add_product, cloud_pieces, neighbour_max, product_dtype

NEGATIVE_SLOPE = 0.2


class EdgeConv(nn.Module):
    """One EdgeConv layer: 1x1 convolution of edge features, BatchNorm, LeakyReLU(0.2), maximum (MM-Point spec 2.1).

    The derivative by a normalisation scale of exactly zero is one of its two one-sided derivatives or between them.

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

        Under autocast only the products of the backward pass have its type: in the forward pass what rounding does
        to two near points would be as large as their difference.

        Args:
            features: (B, N, C) point features.
            indices: (B, N, K) int64 neighbours of each point in its own cloud.

        Returns:
            (B, N, out_channels) features.

        Raises:
            BadCloud: Another number of channels, or training on a single edge.
        """
        if features.ndim != 3 or features.shape[-1] != self.in_channels:
            expected = f"(B, N, {self.in_channels})"
            raise BadCloud("Features do not fit EdgeConv", expected=expected, found=tuple(features.shape))
        backward_dtype = product_dtype(features.device.type, self.linear.weight.dtype)
        with torch.autocast(features.device.type, enabled=False):
            return self._forward(features.to(self.linear.weight.dtype), indices, backward_dtype)

    def _forward(self, features: Tensor, indices: Tensor, backward_dtype: torch.dtype) -> Tensor:
        # Far from the origin the two maps would cancel. Differences do not see an offset, so the clouds are centred.
        centre = features.detach().mean(1)
        centred = features - centre.unsqueeze(1)
        weight_difference, weight_own = self.linear.weight.split(self.in_channels, dim=1)
        if self.training:
            mean, variance = self._batch_statistics(centred, centre, indices, backward_dtype)
        else:
            mean, variance = self.norm.get_buffer("running_mean"), self.norm.get_buffer("running_var")
        scale = (self.norm.weight * torch.rsqrt(variance + self.norm.eps)).unsqueeze(1)
        offset = functional.linear(centre, scale * weight_own, self.norm.bias - mean * scale.squeeze(1))
        weights = torch.cat([scale * weight_difference, scale * (weight_own - weight_difference)], 0)
        output: Tensor = _MapAndAggregate.apply(centred, weights, offset, indices, backward_dtype)
        return output

    def _batch_statistics(
        self, centred: Tensor, centre: Tensor, indices: Tensor, backward_dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Return mean and biased variance (O,) over all edges, and update the running statistics."""
        num_edges = indices.numel()
        if num_edges < 2:
            raise BadCloud("Batch statistics need more than one edge", expected="at least 2", found=num_edges)
        edge_mean, edge_covariance = edge_moments(centred, centre, indices, backward_dtype)
        weight = self.linear.weight
        mean = weight @ edge_mean + weight[:, self.in_channels :] @ centre.mean(0)
        variance = ((weight @ edge_covariance) * weight).sum(1).clamp(min=0)
        update_running_statistics(self.norm, mean.detach(), variance.detach() * (num_edges / (num_edges - 1)))
        return mean, variance


class _MapAndAggregate(torch.autograd.Function):
    """LeakyReLU(max_j u_j + v_i + offset), with u and v the two halves of one linear map of the points."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weights: Tensor, offset: Tensor, indices: Tensor, backward_dtype: torch.dtype
    ) -> Tensor:
        num_clouds, num_points, _ = features.shape
        channels = offset.shape[1]
        output = features.new_empty(num_clouds, num_points, channels)
        winners = torch.empty(output.shape, dtype=torch.int32, device=output.device)
        for piece in cloud_pieces(num_clouds, num_points * channels, features.device.type):
            mapped = features[piece].flatten(0, 1) @ weights.t()
            largest, rows = neighbour_max(mapped[:, :channels], NeighbourGraph.from_indices(indices[piece]))
            edges = largest.add_(mapped[:, channels:]).view_as(output[piece]).add_(offset[piece].unsqueeze(1))
            output[piece] = functional.leaky_relu_(edges, NEGATIVE_SLOPE)
            winners[piece] = rows.view_as(edges)
        ctx.save_for_backward(features, weights, output, winners)
        ctx.backward_dtype = backward_dtype
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weights, output, winners = ctx.saved_tensors
        narrow_features, narrow_weights = features.to(ctx.backward_dtype), weights.to(ctx.backward_dtype)
        num_clouds, num_points, channels = output.shape
        features_gradient = torch.empty_like(features)
        weights_gradient = torch.zeros_like(weights)
        offset_gradient = output.new_empty(num_clouds, channels)
        for piece in cloud_pieces(num_clouds, num_points * channels, features.device.type):
            slope = torch.gt(output[piece], 0, out=torch.empty_like(output[piece]))
            slope.mul_(1 - NEGATIVE_SLOPE).add_(NEGATIVE_SLOPE).mul_(gradient[piece])
            offset_gradient[piece] = slope.sum(1)
            own = slope.flatten(0, 1)
            to_winners = torch.zeros_like(own).scatter_add_(0, winners[piece].flatten(0, 1).long(), own)
            flow = torch.cat([to_winners, own], 1).to(ctx.backward_dtype)
            features_gradient[piece] = (flow @ narrow_weights).view_as(features_gradient[piece])
            add_product(weights_gradient, flow.t(), narrow_features[piece].flatten(0, 1))
        return features_gradient, weights_gradient, offset_gradient, None, None


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
