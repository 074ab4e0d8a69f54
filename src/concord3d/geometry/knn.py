"""k nearest neighbours inside each cloud, exact, in bounded memory.

Shapes: B clouds, N points, K neighbours, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError

# Rows of squared distances kept at once: about 4 MiB on a CPU (it stays in cache), 256 MiB on a GPU.
_CPU_CHUNK_ELEMENTS = 1 << 20
_GPU_CHUNK_ELEMENTS = 1 << 26
_GROUP = 4
# A float32 number stored as float64 leaves its 29 lowest bits zero.
_INDEX_MASK = (1 << 29) - 1


def knn_indices(points: Tensor, num_neighbours: int, include_self: bool = True) -> Tensor:
    """Find the nearest points of every point of a cloud, by Euclidean distance.

    Distances are computed in float32 (float64 for float64 input) also under autocast, from clouds centred on
    their centroid, because half precision or a large offset changes the neighbours by cancellation.

    Args:
        points: (B, N, C) coordinates or features.
        num_neighbours: K, the number of neighbours per point.
        include_self: Whether a point is its own first candidate, as in DGCNN.

    Returns:
        (B, N, K) int64 indices into N, in no particular order; no gradient.

    Raises:
        ConfigError: K is not between 1 and the number of candidates.
        BadCloud: ``points`` is not (B, N, C).

    Source: the k-NN graph of EdgeConv (MM-Point spec 2.1).
    """
    if points.ndim != 3:
        raise BadCloud("k nearest neighbours need clouds of shape (B, N, C)", found=tuple(points.shape))
    num_clouds, num_points, _ = points.shape
    num_candidates = num_points if include_self else num_points - 1
    if not 1 <= num_neighbours <= num_candidates:
        raise ConfigError(
            "The number of neighbours does not fit the cloud",
            expected=f"1 <= k <= {num_candidates} for clouds of {num_points} points",
            found=f"k = {num_neighbours}",
            next_step="lower k or sample more points per cloud",
        )
    with torch.no_grad(), torch.autocast(points.device.type, enabled=False):
        features = _exact(points)
        features = (features - features.mean(1, keepdim=True)).contiguous()
        indices = torch.empty(num_clouds, num_points, num_neighbours, dtype=torch.int64, device=points.device)
        for clouds, rows in _chunks(num_clouds, num_points, num_points, points.device.type):
            distances = _squared_distances(features[clouds], features[clouds, rows])
            if not include_self:
                own = torch.arange(num_points, device=points.device)[rows]
                distances[:, torch.arange(len(own), device=points.device), own] = torch.inf
            indices[clouds, rows] = smallest_indices(distances, num_neighbours)
    return indices


def nearest_points(points: Tensor, queries: Tensor, num_neighbours: int) -> Tensor:
    """Find, for every query, the nearest points of its cloud, by Euclidean distance.

    Precision as in :func:`knn_indices`. A query that is a point of the cloud is its own nearest.

    Args:
        points: (B, N, C).
        queries: (B, Q, C).
        num_neighbours: K, between 1 and N.

    Returns:
        (B, Q, K) int64 indices into N, in no particular order; no gradient.

    Raises:
        ConfigError: K is not between 1 and N.
        BadCloud: Shapes do not fit.
    """
    shapes = points.shape, queries.shape
    if not points.ndim == queries.ndim == 3 or shapes[0][::2] != shapes[1][::2]:
        raise BadCloud(
            "Queries do not fit the clouds",
            expected="(B, N, C) and (B, Q, C)",
            found=f"{tuple(points.shape)} and {tuple(queries.shape)}",
        )
    num_clouds, num_points, _ = points.shape
    if not 1 <= num_neighbours <= num_points:
        raise ConfigError(
            "The number of neighbours does not fit the cloud",
            expected=f"1 to {num_points}",
            found=num_neighbours,
            next_step="lower the number of neighbours or sample more points per cloud",
        )
    num_queries = queries.shape[1]
    with torch.no_grad(), torch.autocast(points.device.type, enabled=False):
        features, asked = _exact(points), _exact(queries)
        centre = features.mean(1, keepdim=True)
        features, asked = (features - centre).contiguous(), (asked - centre).contiguous()
        indices = torch.empty(num_clouds, num_queries, num_neighbours, dtype=torch.int64, device=points.device)
        for clouds, rows in _chunks(num_clouds, num_queries, num_points, points.device.type):
            distances = _squared_distances(features[clouds], asked[clouds, rows])
            indices[clouds, rows] = smallest_indices(distances, num_neighbours)
    return indices


def _exact(points: Tensor) -> Tensor:
    points = points.detach()
    return points if points.dtype in (torch.float32, torch.float64) else points.float()


def _chunks(num_clouds: int, num_queries: int, num_points: int, device: str) -> list[tuple[slice, slice]]:
    """Split (cloud, query row) pairs so that one chunk of distances stays small."""
    budget = _CPU_CHUNK_ELEMENTS if device == "cpu" else _GPU_CHUNK_ELEMENTS
    if num_queries * num_points <= budget:
        step = max(1, budget // max(1, num_queries * num_points))
        return [(slice(b, min(b + step, num_clouds)), slice(0, num_queries)) for b in range(0, num_clouds, step)]
    step = max(1, budget // num_points)
    rows = [slice(r, min(r + step, num_queries)) for r in range(0, num_queries, step)]
    return [(slice(b, b + 1), row) for b in range(num_clouds) for row in rows]


def _squared_distances(features: Tensor, queries: Tensor) -> Tensor:
    """Return (b, queries, N) squared distances up to a constant per row, which does not change the order."""
    squares = features.square().sum(-1).unsqueeze(1)
    return torch.baddbmm(squares, queries, features.transpose(1, 2), beta=1.0, alpha=-2.0)


def smallest_indices(values: Tensor, count: int) -> Tensor:
    """Return the indices of the ``count`` smallest entries of the last axis, in no particular order.

    On a CPU a full selection over each row costs more than computing the distances. So rows are first cut into groups
    of four: the wanted entries all lie in the ``count`` groups with the smallest minima.

    Args:
        values: (..., n) numbers.
        count: How many to select, at most n.

    Returns:
        (..., count) int64 indices; among equal values any may be chosen, but always the same ones.
    """
    size = values.shape[-1]
    if values.device.type != "cpu" or values.dtype != torch.float32 or size > _INDEX_MASK:
        return values.topk(count, dim=-1, largest=False, sorted=False).indices
    groups = size // _GROUP
    if size % _GROUP or groups < 2 * count:
        return _partition(values, torch.arange(size), count)
    # Group g holds the entries g, g + groups, g + 2 * groups, ...: contiguous slices make the minimum vectorise.
    minima = values.unflatten(-1, (_GROUP, groups)).amin(-2)
    best_groups = _partition(minima, torch.arange(groups), count)
    candidates = (best_groups.unsqueeze(-2) + torch.arange(0, size, groups).unsqueeze(-1)).flatten(-2)
    return _partition(values.gather(-1, candidates), candidates, count)


def _partition(values: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return the labels of the ``count`` smallest float32 values of the last axis.

    Each label travels in the bits that a float32 leaves free in a float64, so one partition of plain numbers, which
    NumPy vectorises, orders both: by value, and by label among equal values.
    """
    packed = values.double().view(torch.int64).bitwise_or_(labels).view(torch.float64).numpy()
    if count < packed.shape[-1]:
        packed.partition(count - 1, axis=-1)
    return torch.from_numpy(packed[..., :count]).contiguous().view(torch.int64) & _INDEX_MASK
