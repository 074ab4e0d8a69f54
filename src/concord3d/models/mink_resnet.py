"""SparseConv, the voxel encoder of the OpenShape lineage: a sparse residual network (MM-Mixing spec 2.3).

Shapes: B clouds, N points, C channels, M voxels of the finest grid.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.voxel import voxelise
from concord3d.models.sparse_blocks import ConvNorm, PathName, basic_blocks, convolution_path
from concord3d.models.sparse_conv import ConvolutionPath, SparseTensor
from concord3d.models.sparse_rulebook import parent_rows

_BLOCKS = (3, 4, 6, 3)
_TAIL_FACTORS = (16, 32)
_LEAKY_SLOPE = 0.01
_DROPOUT = 0.5


class MinkResNet34(nn.Module):
    """Voxel encoder: 5^3 stem, four residual stages, all four outputs on the finest grid, two coarsening layers, head.

    Each stage halves the grid with a 2^3 convolution and runs (3, 4, 6, 3) basic blocks with (w, 2w, 4w, 8w) channels.
    The four outputs are copied to the finest voxels and concatenated (15 w channels); copying them to the points and
    averaging per voxel, as the lineage does, gives the same numbers. Two 3^3 convolutions of stride 2 (16 w, 32 w
    channels) lead to maxima and means over each cloud (64 w), the backbone's features. The head is two layers without
    bias (32 w) and a projection.

    At full size it has 41,327,104 parameters: 36,853,184 in 42 sparse convolutions, 4,457,728 in 3 linear layers and
    16,192 in the normalisations (one follows every convolution, those of the shortcuts too, and every hidden layer).

    Args:
        in_channels: 3 for x, y, z or more, e.g. 6 for x, y, z, r, g, b.
        out_dim: Width of the output.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        width: w; small presets use 8.

    Attributes:
        path: Which convolution to use: ``torch`` (our own), ``spconv``, or ``auto``, which is spconv on a GPU where
            it is installed. The weights are the same.

    Source: MM-Mixing spec 2.3.
    """

    def __init__(self, in_channels: int = 6, out_dim: int = 1280, voxel_mm: int = 20, width: int = 32) -> None:
        super().__init__()
        if in_channels < 3:
            raise ConfigError("Points have at least x, y and z", where="encoder.in_channels", found=in_channels)
        self.in_channels, self.feature_dim, self.backbone_dim = in_channels, out_dim, 64 * width
        self.voxel_size = voxel_mm / 1000
        self.path: PathName = "auto"
        widths = [width << stage for stage in range(len(_BLOCKS))]
        self.stem = ConvNorm(in_channels, width, 5, nn.ReLU())
        self.stages = nn.ModuleList(map(_Stage, [width, *widths[:-1]], widths, _BLOCKS))
        tail = [sum(widths), *(factor * width for factor in _TAIL_FACTORS)]
        self.tail = nn.ModuleList(ConvNorm(*pair, 3, nn.LeakyReLU(_LEAKY_SLOPE)) for pair in pairwise(tail))
        self.head = _head(self.backbone_dim, 32 * width, out_dim)

    def forward(self, points: Tensor) -> Tensor:
        """Encode clouds.

        Args:
            points: (B, N, in_channels) float; in training B > 1, because the head normalises over the batch.

        Returns:
            (B, out_dim).

        Raises:
            BadCloud: As :meth:`backbone_features`, or training on one cloud.
            DependencyMissing: spconv is asked for and absent.
        """
        pooled = self.backbone_features(points)
        if self.training and len(points) < 2:
            raise BadCloud("Batch statistics need more than one cloud", expected="at least 2", found=len(points))
        features: Tensor = self.head(pooled)
        return features

    def backbone_features(self, points: Tensor) -> Tensor:
        """Encode clouds before the head.

        Args:
            points: (B, N, in_channels) float.

        Returns:
            (B, 64 width): maxima over the voxels of a cloud, then means.

        Raises:
            BadCloud: Another shape, values that are not finite, or training on a single voxel.
            DependencyMissing: spconv is asked for and absent.
        """
        if points.ndim != 3 or points.shape[-1] != self.in_channels:
            raise BadCloud("Clouds do not fit", expected=f"(B, N, {self.in_channels})", found=tuple(points.shape))
        voxels = voxelise(points.to(self.stem.conv.weight.dtype), self.voxel_size)
        path = convolution_path(self.path, points.device)
        finest = SparseTensor(voxels.coordinates, voxels.features)
        current = self.stem(finest, path.submanifold(finest.coordinates, 5))
        outputs = []
        for stage in self.stages:
            current = stage(current, path)
            outputs.append(current)
        current = finest.with_features(torch.cat([_on_finest(output, finest) for output in outputs], 1))
        for layer in self.tail:
            current = layer(current, path.strided(current.coordinates, 3, 2))
        return _pool_clouds(current, len(points))


class _Stage(nn.Module):
    """A 2^3 convolution of stride 2 that keeps the width, then basic blocks."""

    def __init__(self, in_channels: int, out_channels: int, num_blocks: int) -> None:
        super().__init__()
        self.down = ConvNorm(in_channels, in_channels, 2, nn.ReLU())
        self.blocks = basic_blocks(in_channels, out_channels, num_blocks)

    def forward(self, voxels: SparseTensor, path: ConvolutionPath) -> SparseTensor:
        current: SparseTensor = self.down(voxels, path.strided(voxels.coordinates, 2, 2))
        rules = path.submanifold(current.coordinates, 3)
        for block in self.blocks:
            current = block(current, rules)
        return current


def _head(in_features: int, hidden: int, out_dim: int) -> nn.Sequential:
    """Two layers without bias and a projection with one (MM-Mixing spec 2.3)."""
    return nn.Sequential(
        nn.Linear(in_features, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(_LEAKY_SLOPE),
        nn.Dropout(_DROPOUT),
        nn.Linear(hidden, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(_LEAKY_SLOPE),
        nn.Linear(hidden, out_dim),
    )


def _on_finest(coarse: SparseTensor, finest: SparseTensor) -> Tensor:
    """Copy the features of coarse voxels to the finest voxels in them."""
    rows = parent_rows(finest.coordinates, coarse.coordinates, coarse.stride)
    return coarse.features.index_select(0, rows)


def _pool_clouds(voxels: SparseTensor, num_clouds: int) -> Tensor:
    """Return (B, 2 C): maxima over the voxels of each cloud, then means."""
    sizes = torch.bincount(voxels.coordinates[:, 0], minlength=num_clouds)
    features = voxels.features.float() if voxels.features.dtype != torch.float64 else voxels.features
    pooled = [torch.segment_reduce(features, reduction, lengths=sizes, axis=0) for reduction in ("max", "mean")]
    return torch.cat(pooled, 1)
