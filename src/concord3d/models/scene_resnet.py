"""Sparse residual network from the points of a whole scan to one feature (CrossOver spec 3.4).

Shapes: B scans, P_i points of scan i, M voxels, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud
from concord3d.geometry.sweep_voxels import VoxelGrid, sweep_voxels
from concord3d.models.sparse_blocks import ConvNorm, PathName, basic_blocks, convolution_path
from concord3d.models.sparse_conv import ConvolutionPath, SparseConv, SparseTensor
from concord3d.models.sparse_rulebook import parent_rows, strided_sites

_STEM_KERNEL, _LAST_STRIDE = 5, 3


class SceneResNet(nn.Module):
    """Stem 5^3 of stride 2, means of 2^3 voxels, stages of basic blocks of stride 2, a 3^3 layer of stride 3, the mean.

    A voxel has the colours of its first point. The voxels of a scan are counted from its lowest ones. Where a stage
    halves the grid, its shortcut takes the mean of the voxels that a coarse voxel holds; the released one takes the
    voxel at their corner, which seven of eight voxels are not.

    The default is ResNet-34. It has 70.5 million parameters, and a voxel of its last map is 3.84 m wide.

    Args:
        in_channels: Channels of a voxel; 3 are its colours.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        width: Channels of the stem and of the first stage; each further stage has twice as many.
        blocks: Blocks of each stage.

    Attributes:
        feature_dim: Width of the output.
        path: Which convolution to use: ``torch`` (our own), ``spconv``, or ``auto``, which is spconv on a GPU where
            it is installed. The weights are the same.

    Example:
        >>> network = SceneResNet(voxel_mm=100, width=4, blocks=(1, 1))
        >>> network([torch.rand(50, 6), torch.rand(70, 6)]).shape
        torch.Size([2, 8])
    """

    def __init__(
        self, in_channels: int = 3, voxel_mm: int = 20, width: int = 64, blocks: tuple[int, ...] = (3, 4, 6, 3)
    ) -> None:
        super().__init__()
        self.in_channels, self.feature_dim = in_channels, width << (len(blocks) - 1)
        self.grid = VoxelGrid("cubic", voxel_mm / 1000)
        self.path: PathName = "auto"
        self.stem = ConvNorm(in_channels, width, _STEM_KERNEL, nn.ReLU())
        widths = [width << stage for stage in range(len(blocks))]
        self.stages = nn.ModuleList(map(_Stage, [width, *widths[:-1]], widths, blocks))
        self.last = ConvNorm(self.feature_dim, self.feature_dim, _LAST_STRIDE, nn.ReLU())
        for module in self.modules():
            if isinstance(module, SparseConv):
                # He et al. (2015) by the channels of the output, as released.
                volume, _, out_channels = module.weight.shape
                nn.init.normal_(module.weight, std=math.sqrt(2 / (volume * out_channels)))

    def forward(self, scans: Sequence[Tensor]) -> Tensor:
        """Encode scans.

        Args:
            scans: B tensors (P_i, 3 + in_channels): x, y, z and the channels of a voxel.

        Returns:
            (B, feature_dim); zeros for scans without points.

        Raises:
            BadCloud: Another shape, values that are not finite, no point at all, or one voxel is left in training.
        """
        wrong = [tuple(points.shape) for points in scans if points.shape[1:] != (3 + self.in_channels,)]
        if wrong:
            raise BadCloud("Scans do not fit", expected=f"(P, {3 + self.in_channels}) each", found=wrong)
        voxels = sweep_voxels(scans, self.grid)
        channels = torch.cat([points[:, 3:] for points in scans])[voxels.first]
        finest = SparseTensor(_from_lowest(voxels.coordinates), channels.to(self.stem.conv.weight.dtype))
        path = convolution_path(self.path, channels.device)
        current = _halved(self.stem(finest, path.strided(finest.coordinates, _STEM_KERNEL, 2)))
        for stage in self.stages:
            current = stage(current, path)
        current = self.last(current, path.strided(current.coordinates, _LAST_STRIDE, _LAST_STRIDE))
        return scan_means(current, len(scans))


class _Stage(nn.Module):
    """A basic block that halves the grid, then others on it."""

    def __init__(self, in_channels: int, out_channels: int, num_blocks: int) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, 3, nn.ReLU())
        self.second = ConvNorm(out_channels, out_channels, 3, nn.Identity())
        self.shortcut = nn.Sequential(nn.Linear(in_channels, out_channels, bias=False), nn.BatchNorm1d(out_channels))
        self.blocks = basic_blocks(out_channels, out_channels, num_blocks - 1)

    def forward(self, voxels: SparseTensor, path: ConvolutionPath) -> SparseTensor:
        inner: SparseTensor = self.first(voxels, path.strided(voxels.coordinates, 3, 2))
        rules = path.submanifold(inner.coordinates, 3)
        inner = self.second(inner, rules)
        current = inner.with_features((inner.features + self.shortcut(_halved(voxels).features)).relu())
        for block in self.blocks:
            current = block(current, rules)
        return current


def _from_lowest(coordinates: Tensor) -> Tensor:
    """Return (M, 4) coordinates counted from the lowest of each scan along each axis; their order stays."""
    scans = coordinates[:, 0].long()
    lowest = torch.full((int(scans.max()) + 1, 3), torch.iinfo(torch.int32).max, dtype=torch.int32)
    lowest = lowest.to(coordinates.device).scatter_reduce(
        0, scans[:, None].expand(-1, 3), coordinates[:, 1:], "amin", include_self=True
    )
    return torch.cat([coordinates[:, :1], coordinates[:, 1:] - lowest[scans]], 1)


def _halved(voxels: SparseTensor) -> SparseTensor:
    """Return the means over the voxels in each voxel of twice the size."""
    sites = strided_sites(voxels.coordinates, 2)
    rows = parent_rows(voxels.coordinates, sites, 2)
    order = rows.sort(stable=True).indices
    sizes = torch.bincount(rows, minlength=len(sites))
    means = torch.segment_reduce(voxels.features.index_select(0, order), "mean", lengths=sizes, axis=0)
    return SparseTensor(sites, means, 2 * voxels.stride)


def scan_means(voxels: SparseTensor, num_scans: int) -> Tensor:
    """Return the (B, C) means over the voxels of each scan, zeros where there are none.

    Args:
        voxels: Of all scans.
        num_scans: B.
    """
    sizes = torch.bincount(voxels.coordinates[:, 0], minlength=num_scans)
    sums = torch.segment_reduce(voxels.features, "sum", lengths=sizes, axis=0)
    return sums / sizes.clamp(min=1)[:, None]
