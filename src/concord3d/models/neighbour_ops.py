"""Reductions over points, and over graph neighbours without building the (points, neighbours, channels) tensor.

These are plain computations without gradient; the layers built on them write their own backward.

Shapes: M points of one piece of a batch, K neighbours, C channels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# A float32 number stored as float64 leaves its 29 lowest bits zero.
SPARE_BITS = 29
INDEX_MASK = (1 << SPARE_BITS) - 1

# Numbers per piece: about 1 MiB on a CPU, so that a piece stays in cache between passes; 256 MiB on a GPU.
_CPU_PIECE_ELEMENTS = 1 << 18
_GPU_PIECE_ELEMENTS = 1 << 26


def product_dtype(device: str, weights: torch.dtype) -> torch.dtype:
    """Return the type in which a layer multiplies matrices: that of autocast where it is on, else its weights'."""
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weights


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right`` to ``total``, which may have a wider type than its factors."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total.add_(left @ right)


def cloud_pieces(num_clouds: int, elements_per_cloud: int, device: str) -> list[slice]:
    """Cut a batch into runs of clouds that are worked on one after the other.

    Args:
        num_clouds: B.
        elements_per_cloud: Numbers per cloud in the largest tensor of the computation.
        device: ``cpu`` or another device type.

    Returns:
        Slices over the batch, in order; each has at least one cloud.
    """
    budget = _CPU_PIECE_ELEMENTS if device == "cpu" else _GPU_PIECE_ELEMENTS
    step = max(1, budget // max(1, elements_per_cloud))
    return [slice(start, min(start + step, num_clouds)) for start in range(0, num_clouds, step)]


def places_of_maxima(values: Tensor, maxima: Tensor, work: Tensor) -> Tensor:
    """Return where along the points the maxima stand; of equal ones the last.

    It is an arg-max by arithmetic, several times faster on a CPU than the built-in one along a strided axis.

    Args:
        values: (B, N, C) floating point, N below 2^24.
        maxima: (B, C), the largest of ``values`` over the points.
        work: As ``values``, is overwritten; may be ``values`` itself.

    Returns:
        (B, C) int64, from 0 to N - 1.
    """
    places = torch.arange(values.shape[1], dtype=values.dtype, device=values.device).unsqueeze(1)
    return torch.eq(values, maxima.unsqueeze(1), out=work).mul_(places).amax(1).long()


@dataclass(frozen=True)
class NeighbourGraph:
    """A K-regular directed graph over the points of some clouds.

    Args:
        neighbours: (M, K) int64 rows of the flattened clouds: the neighbours of each point.
    """

    neighbours: Tensor

    @classmethod
    def from_indices(cls, indices: Tensor) -> NeighbourGraph:
        """Build the graph of some clouds from (B, N, K) indices local to each cloud."""
        num_clouds, num_points, num_neighbours = indices.shape
        offsets = torch.arange(num_clouds, device=indices.device) * num_points
        return cls((indices + offsets.view(-1, 1, 1)).view(-1, num_neighbours))

    @property
    def num_points(self) -> int:
        """M, the number of points."""
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
        """Return the transpose of the adjacency, found by sorting the edges."""
        num_points = self.num_points
        rows = torch.zeros(num_points + 1, dtype=torch.int64, device=self.neighbours.device)
        torch.cumsum(self.in_degrees(), 0, out=rows[1:])
        keys = self.neighbours * num_points + torch.arange(num_points, device=rows.device).unsqueeze(1)
        if keys.device.type == "cpu":
            # NumPy's vectorised integer sort is many times faster than torch.sort, above all on 32 bits.
            narrow = torch.int32 if num_points**2 < 2**31 else torch.int64
            ordered = torch.from_numpy(np.sort(keys.flatten().to(narrow).numpy())).to(torch.int64)
        else:
            ordered = keys.flatten().sort().values
        return _sparse_ones(rows, ordered % num_points, dtype)


def _sparse_ones(rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Tensor:
    num_points = rows.shape[0] - 1
    ones = torch.ones(columns.shape[0], dtype=dtype, device=columns.device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        return torch.sparse_csr_tensor(rows, columns, ones, (num_points, num_points), check_invariants=False)


def neighbour_sum(features: Tensor, graph: NeighbourGraph, transposed: bool = False) -> Tensor:
    """Sum the features of each point's neighbours.

    Args:
        features: (M, C) floating point.
        graph: The graph over the M points.
        transposed: Sum over the points whose neighbour a point is, instead.

    Returns:
        (M, C) sums.
    """
    matrix = graph.transposed_adjacency(features.dtype) if transposed else graph.adjacency(features.dtype)
    if features.device.type == "cpu":
        # The reduce variant is PyTorch's own kernel; the plain product would need MKL.
        return torch.sparse.mm(matrix, features.contiguous(), "sum")
    return torch.mm(matrix, features)


def neighbour_max(features: Tensor, graph: NeighbourGraph) -> tuple[Tensor, Tensor]:
    """Find the largest feature among each point's neighbours, channel by channel, and whose it is.

    Args:
        features: (M, C) floating point. NaN wins over everything; infinities may become NaN.
        graph: The graph over the M points.

    Returns:
        (M, C) maxima and (M, C) int64 rows that hold them; among equal features any one.
    """
    if features.device.type == "cpu" and features.dtype == torch.float32 and graph.num_points <= INDEX_MASK:
        return _packed_max(features, graph)
    return _running_max(features, graph)


def _packed_max(features: Tensor, graph: NeighbourGraph) -> tuple[Tensor, Tensor]:
    """Find maximum and winner in one sparse product, by hiding each point's row in the spare bits of a float64.

    The order of float32 values survives exactly; the row only decides among equal ones.
    """
    own_row = torch.arange(graph.num_points).unsqueeze(1)
    packed = features.double().view(torch.int64).bitwise_or_(own_row).view(torch.float64)
    best = torch.sparse.mm(graph.adjacency(torch.float64), packed, "amax").view(torch.int64)
    winners = best & INDEX_MASK
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
