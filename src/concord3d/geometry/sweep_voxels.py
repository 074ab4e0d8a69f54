"""Voxels of LiDAR sweeps: cylindrical or cubic cells, one point for each, and the way back to the points.

Shapes: B sweeps, P_i points of sweep i, P points of all sweeps together, C channels, M occupied voxels of all sweeps
together. Coordinates are (sweep, and the cell's index along three axes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import MAX_COORDINATE, key_coordinates, stacked_coordinates, voxel_keys

CellShape = Literal["cylindrical", "cubic"]


@dataclass(frozen=True)
class VoxelGrid:
    """A regular grid around the sensor.

    A cylindrical cell is bounded by the distance from the z axis, the angle around it and the height. Nothing joins the
    cells on both sides of the angle +-180 degrees, as in the released code.

    Args:
        shape: ``cylindrical`` or ``cubic``.
        size: Edge of a cell in the unit of the coordinates: along x, y and z, or along distance and height.
        angle_degrees: Angle of a cylindrical cell.

    Raises:
        ConfigError: An unknown shape, or a cell without extent.

    Source: CMCR spec 2.1.
    """

    shape: CellShape = "cylindrical"
    size: float = 0.1
    angle_degrees: float = 1.0

    def __post_init__(self) -> None:
        if self.shape not in get_args(CellShape):
            raise ConfigError("Unknown shape of cells", expected="cylindrical or cubic", found=self.shape)
        if not self.size > 0 or not self.angle_degrees > 0:
            raise ConfigError(
                "A voxel needs a positive size", found=f"size {self.size}, angle {self.angle_degrees} degrees"
            )

    def cells(self, positions: Tensor) -> Tensor:
        """Return the (P, 3) float64 whole indices of the cells that hold (P, 3) positions."""
        x, y, z = positions.detach().double().unbind(1)
        if self.shape == "cylindrical":
            degrees = torch.rad2deg(torch.atan2(y, x))
            scaled = (torch.hypot(x, y) / self.size, degrees / self.angle_degrees, z / self.size)
        else:
            scaled = (x / self.size, y / self.size, z / self.size)
        return torch.floor(torch.stack(scaled, 1))


@dataclass(frozen=True)
class SweepVoxels:
    """Occupied voxels of a batch of sweeps, sorted by sweep and index along each axis.

    Args:
        coordinates: (M, 4) int32: sweep, and three indices.
        first: (M,) int64: the first point of each voxel, a row of all points of the batch one sweep after another. It
            gives the voxel its features and its label: ``values[first]``.
        inverse: (P,) int64: row of the voxel that holds each point: ``predictions[inverse]``.
        offsets: (B + 1,) int64: sweep i has the points ``offsets[i]`` to ``offsets[i + 1] - 1``.
    """

    coordinates: Tensor
    first: Tensor
    inverse: Tensor
    offsets: Tensor

    @classmethod
    def joined(cls, parts: Sequence[SweepVoxels]) -> SweepVoxels:
        """Return the voxels of a batch from those of its sweeps.

        Args:
            parts: Of one sweep each, in the order of the batch; at least one.

        Raises:
            BadCloud: A part holds several sweeps.
        """
        points = torch.tensor([0, *(len(part.inverse) for part in parts)]).cumsum(0)
        voxels = torch.tensor([0, *(len(part.first) for part in parts)]).cumsum(0)
        return cls(
            stacked_coordinates([part.coordinates for part in parts]),
            torch.cat([part.first + shift for part, shift in zip(parts, points[:-1].tolist(), strict=True)]),
            torch.cat([part.inverse + shift for part, shift in zip(parts, voxels[:-1].tolist(), strict=True)]),
            points.to(parts[0].offsets.device),
        )

    def rows(self, sweeps: Tensor, points: Tensor) -> Tensor:
        """Return the voxels that hold given points.

        Args:
            sweeps: (n,) int64 sweep of each point.
            points: (n,) int64 number of the point in its sweep.

        Returns:
            (n,) int64 rows of ``coordinates``.
        """
        return self.inverse[self.offsets[sweeps] + points]


def sweep_voxels(sweeps: Sequence[Tensor], grid: VoxelGrid) -> SweepVoxels:
    """Find the occupied voxels of sweeps, and the first point in each.

    Cells are found in float64, so that equal points give equal voxels on every device. A sweep without points has no
    voxels.

    Args:
        sweeps: B tensors (P_i, C >= 3), x, y and z first, z upwards and the sensor at the origin; on one device.
        grid: The grid.

    Raises:
        BadCloud: No points at all, another shape, coordinates that are not finite, or a sweep that spans too many
            voxels.

    Example:
        >>> found = sweep_voxels([torch.tensor([[0.55, 0.0, 0.0, 7.0], [0.51, 0.0, 0.0, 9.0]])], VoxelGrid())
        >>> found.coordinates.tolist(), found.first.tolist(), found.inverse.tolist()
        ([[0, 5, 0, 0]], [0], [0, 0])

    Source: CMCR spec 2.1.
    """
    wrong = [tuple(points.shape) for points in sweeps if points.ndim != 2 or points.shape[1] < 3]
    if wrong or sum(map(len, sweeps)) == 0:
        raise BadCloud(
            "Voxels need sweeps with points", expected="(P, C >= 3) each", found=wrong or f"{len(sweeps)} sweeps, empty"
        )
    sizes = torch.tensor([len(points) for points in sweeps])
    positions = torch.cat([points[:, :3] for points in sweeps])
    if not torch.isfinite(positions).all():
        raise BadCloud("Voxels need finite sweeps", found="NaN or infinity")
    cells = grid.cells(positions)
    if float(cells.abs().max()) >= MAX_COORDINATE:
        raise BadCloud(
            "A sweep spans too many voxels",
            expected=f"voxel indices within {-MAX_COORDINATE} to {MAX_COORDINATE}",
            found=f"index {float(cells.abs().max()):.6g} at voxel size {grid.size}",
            next_step="remove far points or use larger voxels",
        )
    number = torch.arange(len(sizes)).repeat_interleave(sizes).to(positions.device)
    keys = voxel_keys(torch.cat([number[:, None], cells.long()], 1))
    occupied, inverse, counts = torch.unique(keys, return_inverse=True, return_counts=True)
    order = inverse.sort(stable=True).indices
    first = order[counts.cumsum(0) - counts]
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]).to(positions.device)
    return SweepVoxels(key_coordinates(occupied), first, inverse, offsets)
