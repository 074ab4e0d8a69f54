"""Reductions over graph neighbours that never build the (points, neighbours, channels) tensor.

Shapes: M points of all clouds of a batch, K neighbours, C channels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# A float32 number stored as float64 leaves its 29 lowest bits zero.
_SPARE_BITS = 29
_INDEX_MASK = (1 << _SPARE_BITS) - 1


@dataclass(frozen=True)
class NeighbourGraph:
    """A K-regular directed graph over the points of a batch.

    Args:
        neighbours: (M, K) int64, rows of the flattened batch: the neighbours of each point.
    """

    neighbours: Tensor

    @classmethod
    def from_indices(cls, indices: Tensor) -> NeighbourGraph:
        """Build the graph of a batch from (B, N, K) indices local to each cloud."""
        num_clouds, num_points, num_neighbours = indices.shape
        offsets = torch.arange(num_clouds, device=indices.device) * num_points
        return cls((indices + offsets.view(-1, 1, 1)).view(-1, num_neighbours))

    @property
    def num_points(self) -> int:
        """M, the number of points of all clouds."""
        return self.neighbours.shape[0]

    @property
    def num_neighbours(self) -> int:
        """K, the number of neighbours of each point."""
        return self.neighbours.shape[1]

    def in_degrees(self) -> Tensor:
        """Return (M,) int64: of how many points each point is a neighbour."""
        return torch.bincount(self.neighbours.flatten(), minlength=self.num_points)

    def adjacency(self, dtype: torch.dtype) -> Tensor:
        """Return the (M, M) sparse matrix with a one at (i, j) where j is a neighbour of i."""
        rows = torch.arange(self.num_points + 1, device=self.neighbours.device) * self.num_neighbours
        return _sparse_ones(rows, self.neighbours.flatten(), dtype)

    def transposed_adjacency(self, dtype: torch.dtype) -> Tensor:
        """Return the transpose of the adjacency, built by one stable sort."""
        order = torch.sort(self.neighbours.flatten().to(torch.int32), stable=True).indices
        rows = torch.zeros(self.num_points + 1, dtype=torch.int64, device=order.device)
        torch.cumsum(self.in_degrees(), 0, out=rows[1:])
        return _sparse_ones(rows, order.div(self.num_neighbours, rounding_mode="floor"), dtype)


def _sparse_ones(rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Tensor:
    num_points = rows.shape[0] - 1
    ones = torch.ones(columns.shape[0], dtype=dtype, device=columns.device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        return torch.sparse_csr_tensor(rows, columns, ones, (num_points, num_points), check_invariants=False)


def neighbour_sum(features: Tensor, graph: NeighbourGraph) -> Tensor:
    """Sum the features of each point's neighbours.

    Args:
        features: (M, C) floating point.
        graph: The graph over the M points.

    Returns:
        (M, C) sums, differentiable in ``features``.
    """
    result: Tensor = _NeighbourSum.apply(features, graph)
    return result


def neighbour_max(features: Tensor, graph: NeighbourGraph) -> Tensor:
    """Take the largest feature among each point's neighbours, channel by channel.

    Among equal features one neighbour gets the whole gradient, as with ``Tensor.max``. NaN propagates.

    Args:
        features: (M, C) floating point.
        graph: The graph over the M points.

    Returns:
        (M, C) maxima, differentiable in ``features``.
    """
    result: Tensor = _NeighbourMax.apply(features, graph)
    return result


class _NeighbourSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, graph: NeighbourGraph) -> Tensor:
        ctx.graph = graph
        return _sparse_sum(graph.adjacency(features.dtype), features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _sparse_sum(ctx.graph.transposed_adjacency(gradient.dtype), gradient.contiguous()), None


class _NeighbourMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, graph: NeighbourGraph) -> Tensor:
        fits = graph.num_points <= _INDEX_MASK
        if features.device.type == "cpu" and features.dtype == torch.float32 and fits:
            largest, winners = _packed_max(features, graph)
        else:
            largest, winners = _running_max(features, graph)
        ctx.save_for_backward(winners)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (winners,) = ctx.saved_tensors
        return torch.zeros_like(gradient).scatter_add_(0, winners, gradient), None


def _sparse_sum(matrix: Tensor, features: Tensor) -> Tensor:
    if features.device.type == "cpu":
        # The reduce variant is PyTorch's own kernel; the plain product would need MKL.
        return torch.sparse.mm(matrix, features, "sum")
    return torch.mm(matrix, features)


def _packed_max(features: Tensor, graph: NeighbourGraph) -> tuple[Tensor, Tensor]:
    """Find maximum and winner in one sparse product, by hiding each point's index in the spare bits of a float64.

    The order of float32 values survives exactly; the index only decides among equal ones.
    """
    own_index = torch.arange(graph.num_points).unsqueeze(1)
    packed = features.double().view(torch.int64).bitwise_or_(own_index).view(torch.float64)
    best = torch.sparse.mm(graph.adjacency(torch.float64), packed, "amax").view(torch.int64)
    winners = best & _INDEX_MASK
    return best.bitwise_xor_(winners).view(torch.float64).float(), winners


def _running_max(features: Tensor, graph: NeighbourGraph) -> tuple[Tensor, Tensor]:
    """Find maximum and winner by passing over the K neighbours (any device and type)."""
    columns = graph.neighbours.t().contiguous()
    largest = features.index_select(0, columns[0])
    winners = columns[0].unsqueeze(1).expand_as(largest).contiguous()
    for column in columns[1:]:
        candidate = features.index_select(0, column)
        # "not <=" lets NaN win, as in Tensor.max.
        better = ~(candidate <= largest)
        largest = torch.where(better, candidate, largest)
        winners = torch.where(better, column.unsqueeze(1), winners)
    return largest, winners
