"""Rulebooks of sparse convolutions in a bounded grid whose output voxels are all that a kernel reaches.

They are what a dense convolution with zero padding computes, at the places where its kernel meets a voxel.

Shapes: M input voxels, L output voxels, K kernel offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from concord3d.errors import ConfigError
from concord3d.geometry.voxel import key_coordinates, voxel_keys
from concord3d.models.sparse_rulebook import Rulebook

Steps = tuple[int, int, int]


@dataclass(frozen=True)
class Spreading:
    """A convolution along x, y and z that coarsens a grid.

    Attributes:
        kernel: Voxels of the kernel.
        stride: Input voxels per output voxel.
        padding: Empty voxels before the first and behind the last.
    """

    kernel: Steps
    stride: Steps
    padding: Steps

    def out_shape(self, shape: Steps) -> Steps:
        """Return how many output voxels a grid has along each axis.

        Raises:
            ConfigError: The grid is smaller than the kernel.
        """
        x, y, z = (
            (cells + 2 * pad - side) // step + 1
            for cells, side, step, pad in zip(shape, self.kernel, self.stride, self.padding, strict=True)
        )
        if min(x, y, z) < 1:
            raise ConfigError("A grid is too small to be coarsened", expected=f"{self.kernel} or more", found=shape)
        return x, y, z

    def rules(self, coordinates: Tensor, shape: Steps) -> Rulebook:
        """Find the pairs.

        Args:
            coordinates: (M, 4) int32 (sweep, x, y, z) from 0, sorted, all different.
            shape: Cells of their grid along x, y and z.

        Raises:
            ConfigError: The grid is smaller than the kernel.
        """
        axes = [self._along(axis, coordinates[:, 1 + axis], cells) for axis, cells in enumerate(self.out_shape(shape))]
        in_rows, keys = [], []
        for along_x, along_y, along_z in product(*axes):
            rows = (along_x[1] & along_y[1] & along_z[1]).nonzero().squeeze(1)
            in_rows.append(rows)
            reached = [coordinates[rows, 0], *(cells[rows] for cells, _ in (along_x, along_y, along_z))]
            keys.append(voxel_keys(torch.stack(reached, 1)))
        occupied = torch.unique(torch.cat(keys))
        out_rows = torch.searchsorted(occupied, torch.cat(keys))
        counts = tuple(len(rows) for rows in in_rows)
        return Rulebook(torch.cat(in_rows), out_rows, counts, coordinates, key_coordinates(occupied), max(self.stride))

    def _along(self, axis: int, indices: Tensor, num_cells: int) -> list[tuple[Tensor, Tensor]]:
        """Return for each kernel offset of an axis the (M,) cells that voxels reach, and whether they reach one."""
        stride, found = self.stride[axis], []
        for offset in range(self.kernel[axis]):
            scaled = indices + (self.padding[axis] - offset)
            cells = scaled.div(stride, rounding_mode="floor")
            found.append((cells, (cells * stride == scaled) & (cells >= 0) & (cells < num_cells)))
        return found
