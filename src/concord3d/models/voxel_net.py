"""VoxelNet, the sparse trunk of detectors that ends in a map seen from above (CMCR spec 2.2).

Shapes: B sweeps, P_i points of sweep i, P points of all sweeps together, M voxels, C channels, H x W cells of the map
along x and y.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from concord3d.errors import ConfigError
from concord3d.geometry.bounded_voxels import BoundedGrid, bounded_voxels
from concord3d.geometry.sweep_voxels import SweepVoxels
from concord3d.models.sparse_blocks import ConvNorm, PathName, convolution_path
from concord3d.models.sparse_conv import SparseTensor, TorchRules
from concord3d.models.sparse_spreading import Spreading

_CHANNELS = 4
_KERNEL = 3
_EPS = 1e-3
# Of the third axis, z, only the last two are different.
_HALVING = Spreading((3, 3, 3), (2, 2, 2), (1, 1, 1))
_COARSENINGS = (_HALVING, _HALVING, Spreading((3, 3, 3), (2, 2, 2), (1, 1, 0)))
_LAST = Spreading((1, 1, 3), (1, 1, 2), (0, 0, 0))
STRIDE = 8


class VoxelNet(nn.Module):
    """Sparse convolutions that halve a bounded grid three times, then once more in height, and a map of what is left.

    Every convolution has a normalisation and a ReLU behind it. A stem and one more convolution on the voxels; three
    times a 3^3 convolution of stride 2 and two on its voxels; a (1, 1, 3) convolution of stride (1, 1, 2). What then
    lies above each other becomes channels.

    Args:
        reach_mm: The grid goes so far along +-x and +-y, in thousandths of the unit of the coordinates.
        span_mm: Its lowest and highest z.
        cell_mm: Edge of a cell along x and y, and along z.
        max_points: First points of a cell that are averaged.
        widths: Channels of the four stages.
        out_width: Channels of the last convolution.
        norm_momentum: Weight of a batch in the running statistics of normalisations.

    Weights of another grid are refused.

    Attributes:
        grid: The cells.
        trained_grid: (5,) int64, the grid as saved with the weights, in thousandths.
        feature_dim: Channels of the map.
        map_shape: H and W.
        norm_momentum: As told; what is built on the map takes it too.
        path: Which convolution to use on the voxels of one level: ``torch`` (our own), ``spconv``, or ``auto``.

    Raises:
        ConfigError: The grid has too few cells.

    Example:
        >>> network = VoxelNet(reach_mm=3200, cell_mm=(400, 200), widths=(4, 4, 4, 4), out_width=6)
        >>> network.maps([torch.rand(50, 4), torch.rand(70, 4)]).shape
        torch.Size([2, 6, 2, 2])

    Source: CMCR spec 2.2.
    """

    trained_grid: Tensor

    def __init__(
        self,
        reach_mm: int = 51200,
        span_mm: tuple[int, int] = (-5000, 3000),
        cell_mm: tuple[int, int] = (100, 200),
        max_points: int = 10,
        widths: tuple[int, int, int, int] = (16, 32, 64, 64),
        out_width: int = 128,
        norm_momentum: float = 0.01,
    ) -> None:
        super().__init__()
        across, up = cell_mm[0] / 1000, cell_mm[1] / 1000
        sides = 2 * reach_mm // cell_mm[0]
        shape = (sides, sides, (span_mm[1] - span_mm[0]) // cell_mm[1])
        self.grid = BoundedGrid((-reach_mm / 1000, -reach_mm / 1000, span_mm[0] / 1000), (across, across, up), shape)
        self.max_points = max_points
        self.register_buffer("trained_grid", torch.tensor([reach_mm, *span_mm, *cell_mm]))
        self.path: PathName = "auto"
        self.norm_momentum = norm_momentum
        self._shapes = [shape]
        for spreading in (*_COARSENINGS, _LAST):
            self._shapes.append(spreading.out_shape(self._shapes[-1]))
        self.map_shape = self._shapes[-1][:2]
        self.feature_dim = out_width * self._shapes[-1][2]

        def layer(in_channels: int, out_channels: int, kernel: int | tuple[int, int, int] = _KERNEL) -> ConvNorm:
            return ConvNorm(in_channels, out_channels, kernel, nn.ReLU(), norm_momentum, _EPS)

        self.stem = nn.ModuleList([layer(_CHANNELS, widths[0]), layer(widths[0], widths[0])])
        self.coarsen = nn.ModuleList(layer(before, width) for before, width in pairwise(widths))
        self.stages = nn.ModuleList(nn.ModuleList([layer(width, width), layer(width, width)]) for width in widths[1:])
        self.last = layer(widths[-1], out_width, _LAST.kernel)

    def maps(self, sweeps: Sequence[Tensor]) -> Tensor:
        """Return the (B, C, H, W) maps of sweeps; where nothing was seen they are 0.

        Args:
            sweeps: B tensors (P_i, 4): x, y, z and intensity from 0 to 1.

        Raises:
            BadCloud: No point lies in the grid, or one voxel is left at some level in training.
        """
        coordinates, features = bounded_voxels(sweeps, self.grid, self.max_points)
        path = convolution_path(self.path, coordinates.device)
        current = SparseTensor(coordinates, features.to(self.last.conv.weight.dtype))
        level = path.submanifold(coordinates, _KERNEL)
        for layer in self.stem:
            current = layer(current, level)
        for number, (coarsen, layers) in enumerate(zip(self.coarsen, self.stages, strict=True)):
            spreading = _COARSENINGS[number].rules(current.coordinates, self._shapes[number])
            current = coarsen(current, TorchRules(spreading))
            level = path.submanifold(current.coordinates, _KERNEL)
            for layer in cast(nn.ModuleList, layers):
                current = layer(current, level)
        current = self.last(current, TorchRules(_LAST.rules(current.coordinates, self._shapes[-2])))
        return self._folded(current, len(sweeps))

    def _folded(self, voxels: SparseTensor, num_sweeps: int) -> Tensor:
        height, width, levels = self._shapes[-1]
        sweep, x, y, z = voxels.coordinates.long().unbind(1)
        rows = ((sweep * levels + z) * height + x) * width + y
        channels = voxels.features.shape[1]
        dense = voxels.features.new_zeros(num_sweeps * levels * height * width, channels)
        dense = dense.index_copy(0, rows, voxels.features)
        # As OpenPCDet folds them, the channels of all heights lie beside each other.
        folded = dense.view(num_sweeps, levels, height, width, channels).permute(0, 4, 1, 2, 3)
        return folded.reshape(num_sweeps, channels * levels, height, width)

    def encode(self, sweeps: Sequence[Tensor]) -> tuple[SweepVoxels, Tensor]:
        """Return a feature of every point: what the map has around it.

        Args:
            sweeps: As in :meth:`maps`.

        Returns:
            The points as voxels of their own, and their (P, C) features; 0 outside of the grid.

        Raises:
            BadCloud: See :meth:`maps`.
        """
        maps = self.maps(sweeps)
        sizes = torch.tensor([len(points) for points in sweeps])
        sweep = torch.arange(len(sweeps)).repeat_interleave(sizes).to(maps.device)
        positions = torch.cat([points[:, :3] for points in sweeps])
        scaled = self.grid.scaled(positions)
        features = bilinear_at(maps, sweep, scaled[:, :2] / STRIDE)
        rows = torch.arange(len(sweep), device=maps.device)
        cells = torch.cat([sweep[:, None], torch.floor(scaled).long()], 1).int()
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]).to(maps.device)
        return SweepVoxels(cells, rows, rows, offsets), features

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *told: Any) -> None:
        stored = state_dict.get(f"{prefix}trained_grid")
        if isinstance(stored, Tensor) and stored.tolist() != self.trained_grid.tolist():
            raise ConfigError(
                "The weights were trained on another grid",
                where="encoder",
                expected=f"reach, span and cells in mm: {stored.tolist()}",
                found=self.trained_grid.tolist(),
                next_step="set reach_mm, span_mm and cell_mm as in the earlier training",
            )
        super()._load_from_state_dict(state_dict, prefix, *told)


def bilinear_at(maps: Tensor, numbers: Tensor, places: Tensor) -> Tensor:
    """Interpolate maps; a cell's value lies at its whole index, and beyond the map all is 0.

    Args:
        maps: (B, C, H, W).
        numbers: (P,) int64 map of each place.
        places: (P, 2) along H and W, in cells.

    Returns:
        (P, C) of the type of the maps.
    """
    height, width = maps.shape[2:]
    lower = torch.floor(places)
    share = (places - lower).to(maps.dtype)
    total = maps.new_zeros(len(places), maps.shape[1])
    for down in (0, 1):
        for right in (0, 1):
            row, column = (lower[:, axis].long() + step for axis, step in enumerate((down, right)))
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = (share[:, 0] if down else 1 - share[:, 0]) * (share[:, 1] if right else 1 - share[:, 1])
            values = maps[numbers, :, row.clamp(0, height - 1), column.clamp(0, width - 1)]
            total = total + values * (weight * inside)[:, None]
    return total
