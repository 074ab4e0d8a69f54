"""Voxels of point clouds: occupied cells of a regular grid, mean features, and the way back to the points.

Shapes: B clouds, N points, C channels, M occupied voxels of all clouds together. Coordinates are (cloud, x, y, z).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError

# A key holds 16 bits for each axis, offset to be positive, and the cloud above them. Half of the range is left free,
# so that a kernel which reaches over the border still gives the key of an empty voxel.
AXIS_BITS = 16
_OFFSET = 1 << (AXIS_BITS - 1)
MAX_COORDINATE = 1 << (AXIS_BITS - 2)
_AXIS_MASK = (1 << AXIS_BITS) - 1


@dataclass(frozen=True)
class Voxels:
    """Occupied voxels of a batch of clouds, sorted by cloud, x, y and z.

    Args:
        coordinates: (M, 4) int32: cloud, and the voxel's index along x, y and z (floor of position / size).
        features: (M, C) means over the points of each voxel.
        inverse: (B, N) int64: row of the voxel that holds each point.
    """

    coordinates: Tensor
    features: Tensor
    inverse: Tensor


def voxelise(points: Tensor, voxel_size: float) -> Voxels:
    """Average the points that share a voxel.

    The sums run in the order of the points, so equal input gives equal bytes; gradients flow to the points.

    Args:
        points: (B, N, C >= 3) float, x, y and z first.
        voxel_size: Edge of a voxel in the unit of the coordinates, positive.

    Returns:
        The occupied voxels.

    Raises:
        BadCloud: No points, coordinates that are not finite, or a cloud that spans too many voxels.
        ConfigError: The size is not positive.

    Source: the input of SparseConv (MM-Mixing spec 2.3).
    """
    if not voxel_size > 0:
        raise ConfigError("A voxel needs a positive size", found=voxel_size)
    if points.ndim != 3 or points.shape[2] < 3 or 0 in points.shape:
        raise BadCloud("Voxels need clouds", expected="(B >= 1, N >= 1, C >= 3)", found=tuple(points.shape))
    if not torch.isfinite(points).all():
        raise BadCloud("Voxels need finite clouds", found="NaN or infinity")
    num_clouds, num_points, _ = points.shape
    cells = torch.floor(points.detach()[..., :3].double() / voxel_size)
    if float(cells.abs().max()) >= MAX_COORDINATE:
        raise BadCloud(
            "A cloud spans too many voxels",
            expected=f"voxel indices within {-MAX_COORDINATE} to {MAX_COORDINATE}",
            found=f"index {float(cells.abs().max()):.6g} at voxel size {voxel_size}",
            next_step="normalise the clouds or use larger voxels",
        )
    clouds = torch.arange(num_clouds, device=points.device).view(-1, 1, 1).expand(-1, num_points, 1)
    keys = voxel_keys(torch.cat([clouds, cells.long()], 2).flatten(0, 1))
    occupied, inverse, sizes = torch.unique(keys, return_inverse=True, return_counts=True)
    order = inverse.sort(stable=True).indices
    values = points.flatten(0, 1).index_select(0, order)
    means = torch.segment_reduce(values, "mean", lengths=sizes, axis=0)
    return Voxels(key_coordinates(occupied), means, inverse.view(num_clouds, num_points))


def voxel_keys(coordinates: Tensor) -> Tensor:
    """Pack voxel coordinates into integers that sort by cloud, x, y and z.

    The key of a voxel's neighbour is its own key plus the key of the step less that of the origin.

    Args:
        coordinates: (M, 4) integers: cloud from 0, and x, y, z between -32,768 and 32,767.

    Returns:
        (M,) int64.
    """
    cloud, x, y, z = coordinates.long().unbind(1)
    return (((cloud << AXIS_BITS | x + _OFFSET) << AXIS_BITS | y + _OFFSET) << AXIS_BITS) | z + _OFFSET


def stacked_coordinates(parts: Sequence[Tensor]) -> Tensor:
    """Number single clouds by their place in a list.

    Args:
        parts: (M_i, 4) int32 coordinates of one cloud each, numbered 0.

    Returns:
        (M, 4) int32, sorted where the parts are.

    Raises:
        BadCloud: A part has another number than 0.
    """
    if any(part[:, 0].any() for part in parts):
        raise BadCloud("Only single clouds can be put together", expected="cloud 0 in each part")
    return torch.cat([torch.cat([part[:, :1] + cloud, part[:, 1:]], 1) for cloud, part in enumerate(parts)])


def key_coordinates(keys: Tensor) -> Tensor:
    """Unpack the keys of :func:`voxel_keys` into (M, 4) int32 coordinates."""
    axes = [(keys >> shift & _AXIS_MASK) - _OFFSET for shift in (2 * AXIS_BITS, AXIS_BITS, 0)]
    return torch.stack([keys >> 3 * AXIS_BITS, *axes], 1).int()
