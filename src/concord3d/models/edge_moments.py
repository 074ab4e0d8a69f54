"""Mean and covariance of a graph's edge features, exact, without building them.

An edge from point i to its neighbour j has the feature ``e = concat(d, p)`` with ``d = x_j - x_i`` and ``p = x_i``.
Sums of products of ``d`` and ``p`` over all edges reduce to sums over points once the neighbour sums and in-degrees
are known, and so does the gradient.

Shapes: B clouds, N points, K neighbours, M = B * N points of the batch, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from concord3d.models.neighbour_ops import NeighbourGraph, cloud_pieces, neighbour_sum


def edge_moments(
    centred: Tensor, centre: Tensor, indices: Tensor, backward_dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """Compute the moments of the edge features of a batch.

    Args:
        centred: (B, N, C) features, each cloud relative to its ``centre`` (for precision; the result is that of
            ``centred + centre``, relative to the mean centre).
        centre: (B, C) one point per cloud, taken as a constant.
        indices: (B, N, K) int64 neighbours of each point in its own cloud.
        backward_dtype: The type of the matrix product of the backward pass, by default that of ``centred``.

    Returns:
        (2C,) mean, its second half relative to the mean of ``centre``; (2C, 2C) covariance with 1/n. Both are
        differentiable in ``centred``.

    Source: batch statistics of EdgeConv (MM-Point spec 2.1).
    """
    mean, covariance = _EdgeMoments.apply(centred, centre - centre.mean(0), indices, backward_dtype or centred.dtype)
    return mean, covariance


class _EdgeMoments(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, centred: Tensor, offset: Tensor, indices: Tensor, backward_dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        num_clouds, num_points, channels = centred.shape
        num_neighbours = indices.shape[2]
        num_edges = num_clouds * num_points * num_neighbours
        within = centred.new_zeros(channels, channels)
        rest = centred.new_zeros(2 * channels, channels)
        sums = centred.new_zeros(2 * channels)
        for piece in cloud_pieces(num_clouds, num_points * channels, centred.device.type):
            graph = NeighbourGraph.from_indices(indices[piece])
            points = centred[piece].flatten(0, 1)
            own = (centred[piece] + offset[piece].unsqueeze(1)).flatten(0, 1)
            excess = (graph.in_degrees() - num_neighbours).to(points.dtype).unsqueeze(1)
            differences = neighbour_sum(points, graph).sub_(points, alpha=num_neighbours)
            stacked = torch.cat([differences, num_neighbours * own], 1)
            # The sum of d d' over the edges, up to an antisymmetric part that is averaged away below.
            within.addmm_((excess * points).sub_(differences, alpha=2).t(), points)
            rest.addmm_(stacked.t(), own)
            sums += stacked.sum(0)
        mean = sums / num_edges
        cross, around = rest.chunk(2)
        upper = torch.cat([(within + within.t()) / 2, cross], 1)
        second = torch.cat([upper, torch.cat([cross.t(), around], 1)], 0) / num_edges
        ctx.save_for_backward(centred, offset, indices, mean)
        ctx.backward_dtype = backward_dtype
        return mean, second - torch.outer(mean, mean)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_mean: Tensor, to_covariance: Tensor) -> tuple[Tensor | None, None, None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        centred, offset, indices, mean = ctx.saved_tensors
        num_clouds, num_points, channels = centred.shape
        num_neighbours = indices.shape[2]
        # Every edge receives (2 G (e - mean) + g) / n. Collected per point, that is a linear map of four point-wise
        # quantities: the summed differences, the point, the point times its in-degree, and the sum of the points
        # whose neighbour it is; plus one constant, and one constant times the in-degree.
        symmetric = to_covariance + to_covariance.t()
        (a, b), (_, c) = (half.chunk(2, 1) for half in symmetric.chunk(2, 0))
        mean_d, mean_p = mean.chunk(2)
        to_d, to_p = to_mean.chunk(2)
        num_edges = num_clouds * num_points * num_neighbours
        maps = torch.cat([b - a, num_neighbours * (c - b.t()), a, b.t() - a], 0) / num_edges
        per_degree = (to_d - mean_d @ a - mean_p @ b.t()) / num_edges
        constant = num_neighbours * ((to_p - mean_d @ b - mean_p @ c) / num_edges - per_degree)
        gradient = torch.empty_like(centred)
        for piece in cloud_pieces(num_clouds, num_points * channels, centred.device.type):
            graph = NeighbourGraph.from_indices(indices[piece])
            own = (centred[piece] + offset[piece].unsqueeze(1)).flatten(0, 1)
            degrees = graph.in_degrees().to(own.dtype).unsqueeze(1)
            differences = neighbour_sum(own, graph).sub_(own, alpha=num_neighbours)
            parts = torch.cat([differences, own, degrees * own, neighbour_sum(own, graph, transposed=True)], 1)
            flow = _affine(constant, parts, maps, ctx.backward_dtype).addcmul_(degrees, per_degree)
            gradient[piece] = flow.view_as(gradient[piece])
        return gradient, None, None, None


def _affine(constant: Tensor, features: Tensor, weights: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``features @ weights + constant`` in the type of the constant, multiplied in ``dtype``."""
    if dtype == constant.dtype:
        return torch.addmm(constant, features, weights)
    return constant + features.to(dtype) @ weights.to(dtype)
