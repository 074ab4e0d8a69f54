"""Voxels of LiDAR sweeps in a box of the world that has a fixed number of cells (CMCR spec 2.2).

Shapes: B sweeps, P_i points of sweep i, C channels, M occupied voxels of all sweeps together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import key_coordinates, voxel_keys


@dataclass(frozen=True)
class BoundedGrid:
    """A box of cells.

    Attributes:
        low: Least x, y and z.
        size: Edges of a cell.
        shape: Cells along x, y and z.
    """

    low: tuple[float, float, float]
    size: tuple[float, float, float]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not min(self.size) > 0:
            raise ConfigError("A grid needs cells", found=f"{self.shape} of {self.size}")

    def scaled(self, positions: Tensor) -> Tensor:
        """Return (P, 3) float64 places of (P, 3) positions in cells; cell i goes from i to i + 1."""
        low, size = (positions.new_tensor(told, dtype=torch.float64) for told in (self.low, self.size))
        return (positions.detach().double() - low) / size


def bounded_voxels(sweeps: Sequence[Tensor], grid: BoundedGrid, max_points: int = 10) -> tuple[Tensor, Tensor]:
    """Average the first points of each cell; points outside of the grid are left out.

    Args:
        sweeps: B tensors (P_i, C), x, y and z first.
        grid: The grid.
        max_points: Points of a cell that are averaged.

    Returns:
        (M, 4) int32 sorted coordinates (sweep, x, y, z), and (M, C) means.

    Raises:
        BadCloud: No point lies in the grid, or coordinates are not finite.

    Example:
        >>> grid = BoundedGrid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (4, 4, 4))
        >>> bounded_voxels([torch.tensor([[0.5, 0.5, 0.5], [0.7, 0.5, 0.5], [9.0, 0.0, 0.0]])], grid)[0].tolist()
        [[0, 0, 0, 0]]

    Source: CMCR spec 2.2.
    """
    points = torch.cat(list(sweeps))
    if not torch.isfinite(points).all():
        raise BadCloud("Voxels need finite sweeps", found="NaN or infinity")
    number = torch.arange(len(sweeps)).repeat_interleave(torch.tensor([len(each) for each in sweeps]))
    cells = torch.floor(grid.scaled(points[:, :3]))
    inside = ((cells >= 0) & (cells < cells.new_tensor(grid.shape))).all(1)
    if not inside.any():
        raise BadCloud(
            "No point of a batch lies in the grid", expected=f"points between {grid.low} and its other end",
            found=f"{len(points)} points outside", next_step="use a larger grid",
        )  # fmt: skip
    keys = voxel_keys(torch.cat([number.to(cells.device)[:, None], cells.long()], 1)[inside])
    occupied, inverse, counts = torch.unique(keys, return_inverse=True, return_counts=True)
    order = inverse.sort(stable=True).indices
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    taken = order[torch.arange(len(order), device=order.device) - starts < max_points]
    means = torch.segment_reduce(points[inside][taken], "mean", lengths=counts.clamp(max=max_points), axis=0)
    return key_coordinates(occupied), means
