"""MinkUNet, the sparse U-Net of LiDAR segmentation (CMCR spec 2.1).

Shapes: B sweeps, P_i points of sweep i, M voxels of the finest grid, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn

from concord3d.errors import BadCloud, ConfigError
from concord3d.geometry.sweep_voxels import CellShape, SweepVoxels, VoxelGrid, sweep_voxels
from concord3d.models.sparse_blocks import ConvNorm, PathName, basic_blocks, convolution_path
from concord3d.models.sparse_conv import ConvolutionPath, ConvolutionRules, SparseTensor

_STEP = 2


@dataclass(frozen=True)
class UNetRules:
    """All rulebooks of one set of voxels, which every network of this depth and kernel can use again.

    Args:
        levels: Of the convolutions on the voxels of each level, the finest first.
        down: Of the convolutions from each level to the next coarser one.
        up: Of the transposed convolutions from there to each level.
    """

    levels: tuple[ConvolutionRules, ...]
    down: tuple[ConvolutionRules, ...]
    up: tuple[ConvolutionRules, ...]

    @property
    def coordinates(self) -> Tensor:
        """(M, 4) int32 voxels of the finest grid."""
        return self.levels[0].out_coordinates

    @classmethod
    def of(cls, coordinates: Tensor, num_stages: int, kernel_size: int, path: ConvolutionPath) -> UNetRules:
        """Find the pairs of all convolutions.

        Args:
            coordinates: (M, 4) int32, sorted, all different.
            num_stages: How often the grid is halved.
            kernel_size: Odd; of the convolutions on the voxels of one level.
            path: The implementation of sparse convolution.

        Raises:
            BadCloud: There are no voxels, or they are not sorted or not different.
        """
        levels, down = [path.submanifold(coordinates, kernel_size)], []
        for _ in range(num_stages):
            down.append(path.strided(levels[-1].out_coordinates, _STEP, _STEP))
            levels.append(path.submanifold(down[-1].out_coordinates, kernel_size))
        return cls(tuple(levels), tuple(down), tuple(rules.transposed() for rules in down))

    @classmethod
    def joined(cls, parts: Sequence[UNetRules]) -> UNetRules:
        """Return the rules of a batch from those of its sweeps, which were found one by one for networks of one kind.

        Args:
            parts: Of one sweep each, in the order of the batch.

        Raises:
            BadCloud: There are none, they are of several kernels, or hold several sweeps.
        """
        if not parts or len({len(part.down) for part in parts}) != 1:
            raise BadCloud("Rules of one kind can be joined", expected="at least one sweep, one depth")
        levels, down = (
            tuple(first.joined(others) for first, *others in zip(*of_parts, strict=True))
            for of_parts in ([part.levels for part in parts], [part.down for part in parts])
        )
        return cls(levels, down, tuple(rules.transposed() for rules in down))


class MinkUNet(nn.Module):
    """Sparse U-Net: a stem, stages that halve the grid, and as many that double it again beside skip connections.

    A stage down is a 2^3 convolution of stride 2 that keeps the width, then basic blocks. A stage up is a transposed
    2^3 convolution of stride 2, the features of the same voxels on the way down behind its own, then basic blocks.

    The default is MinkUNet-34C. It has 37,842,976 parameters: 37,825,376 in 62 convolutions, those of shortcuts too,
    and 17,600 in as many normalisations.

    Args:
        in_channels: Channels of a voxel; 1 is the intensity.
        voxels: Shape of the voxels, ``cylindrical`` or ``cubic``.
        voxel_mm: Edge of a voxel in thousandths of the unit of the coordinates.
        angle_degrees: Angle of a cylindrical voxel.
        stem_width: Channels of the first convolution.
        down_widths: Channels of the stages down.
        down_blocks: Their blocks.
        up_widths: Channels of the stages up; the last is the width of the output.
        up_blocks: Their blocks.
        kernel_size: Odd; of the stem and the blocks.
        norm_momentum: Weight of a batch in the running statistics of the stem and of the layers that change the grid;
            0.05 in pre-training, 0.02 downstream.
        block_norm_momentum: The same inside of blocks.

    Weights of other voxels are refused: what is learnt of one grid means something else on another.

    Attributes:
        grid: The voxels.
        trained_grid: (3,) int64, the voxels as saved with the weights: shape, thousandths, degrees.
        feature_dim: Width of the output.
        path: Which convolution to use: ``torch`` (our own), ``spconv``, or ``auto``, which is spconv on a GPU where
            it is installed. The weights are the same.

    Raises:
        ConfigError: The numbers of stages differ.

    Example:
        >>> network = MinkUNet(stem_width=4, down_widths=(4,), down_blocks=(1,), up_widths=(6,), up_blocks=(1,))
        >>> voxels, features = network.encode([torch.rand(50, 4), torch.rand(70, 4)])
        >>> features.shape == (len(voxels.coordinates), 6)
        True

    Source: CMCR spec 2.1.
    """

    trained_grid: Tensor

    def __init__(
        self,
        in_channels: int = 1,
        voxels: CellShape = "cylindrical",
        voxel_mm: int = 100,
        angle_degrees: int = 1,
        stem_width: int = 32,
        down_widths: tuple[int, ...] = (32, 64, 128, 256),
        down_blocks: tuple[int, ...] = (2, 3, 4, 6),
        up_widths: tuple[int, ...] = (256, 128, 96, 96),
        up_blocks: tuple[int, ...] = (2, 2, 2, 2),
        kernel_size: int = 3,
        norm_momentum: float = 0.05,
        block_norm_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        stages = [len(told) for told in (down_widths, down_blocks, up_widths, up_blocks)]
        if len(set(stages)) != 1 or not down_widths:
            raise ConfigError(
                "A U-Net has as many stages up as down",
                where="encoder",
                expected="down_widths, down_blocks, up_widths and up_blocks of one length",
                found=", ".join(map(str, stages)),
            )
        self.in_channels, self.feature_dim, self.kernel_size = in_channels, up_widths[-1], kernel_size
        self.grid = VoxelGrid(voxels, voxel_mm / 1000, angle_degrees)
        told = [get_args(CellShape).index(voxels), voxel_mm, angle_degrees if voxels == "cylindrical" else 0]
        self.register_buffer("trained_grid", torch.tensor(told))
        self.path: PathName = "auto"
        self.stem = ConvNorm(in_channels, stem_width, kernel_size, nn.ReLU(), norm_momentum)
        blocks = kernel_size, block_norm_momentum
        entries, current = [stem_width, *down_widths[:-1]], down_widths[-1]
        self.down = nn.ModuleList(
            _Down(entry, width, count, norm_momentum, *blocks)
            for entry, width, count in zip(entries, down_widths, down_blocks, strict=True)
        )
        self.up = nn.ModuleList()
        for skip, width, count in zip(reversed(entries), up_widths, up_blocks, strict=True):
            self.up.append(_Up(current, skip, width, count, norm_momentum, *blocks))
            current = width

    def rules(self, coordinates: Tensor) -> UNetRules:
        """Find the pairs of all convolutions, for one pass or for many over the same voxels.

        Args:
            coordinates: (M, 4) int32 (sweep, three indices), sorted, all different, on the device of the pass.

        Raises:
            BadCloud: There are no voxels, or they are not sorted or not different.
            DependencyMissing: spconv is asked for and absent.
        """
        path = convolution_path(self.path, coordinates.device)
        return UNetRules.of(coordinates, len(self.down), self.kernel_size, path)

    def forward(self, features: Tensor, rules: UNetRules) -> Tensor:
        """Encode voxels.

        Args:
            features: (M, in_channels) float.
            rules: What :meth:`rules` found for their coordinates.

        Returns:
            (M, feature_dim).

        Raises:
            BadCloud: Features and rules do not fit, or one voxel is left at some level in training.
        """
        if len(rules.down) != len(self.down) or features.shape != (len(rules.coordinates), self.in_channels):
            raise BadCloud(
                "Features and rules do not fit the network",
                expected=f"({len(rules.coordinates)}, {self.in_channels}) features, {len(self.down)} stages",
                found=f"{tuple(features.shape)}, {len(rules.down)} stages",
            )
        current = self.stem(SparseTensor(rules.coordinates, features), rules.levels[0])
        skips = []
        for level, stage in enumerate(self.down):
            skips.append(current.features)
            current = stage(current, rules.down[level], rules.levels[level + 1])
        for level, stage in zip(reversed(range(len(self.down))), self.up, strict=True):
            current = stage(current, skips[level], rules.up[level], rules.levels[level])
        output: Tensor = current.features
        return output

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *told: Any) -> None:
        stored = state_dict.get(f"{prefix}trained_grid")
        if isinstance(stored, Tensor) and stored.tolist() != self.trained_grid.tolist():
            raise ConfigError(
                "The weights were trained on other voxels",
                where="encoder",
                expected=_grid_words(stored),
                found=_grid_words(self.trained_grid),
                next_step="set voxels, voxel_mm and angle_degrees as in the earlier training",
            )
        super()._load_from_state_dict(state_dict, prefix, *told)

    def encode(self, sweeps: Sequence[Tensor]) -> tuple[SweepVoxels, Tensor]:
        """Encode sweeps from their points.

        Args:
            sweeps: B tensors (P_i, 3 + in_channels): x, y, z and the channels of a voxel.

        Returns:
            The voxels, and their (M, feature_dim) features.

        Raises:
            BadCloud: As :func:`concord3d.geometry.sweep_voxels.sweep_voxels` and :meth:`forward`.
        """
        voxels = sweep_voxels(sweeps, self.grid)
        channels = torch.cat([points[:, 3:] for points in sweeps])[voxels.first]
        features: Tensor = self(channels.to(self.stem.conv.weight.dtype), self.rules(voxels.coordinates))
        return voxels, features


def _grid_words(told: Tensor) -> str:
    shape, thousandths, degrees = told.tolist()
    angle = f", angle_degrees {degrees}" if degrees else ""
    return f"voxels {get_args(CellShape)[shape]}, voxel_mm {thousandths}{angle}"


class _Down(nn.Module):
    """A convolution that halves the grid and keeps the width, then basic blocks."""

    def __init__(
        self, in_channels: int, out_channels: int, count: int, momentum: float, kernel_size: int, block_momentum: float
    ) -> None:
        super().__init__()
        self.resample = ConvNorm(in_channels, in_channels, _STEP, nn.ReLU(), momentum)
        self.blocks = basic_blocks(in_channels, out_channels, count, kernel_size, block_momentum)

    def forward(self, voxels: SparseTensor, coarsening: ConvolutionRules, level: ConvolutionRules) -> SparseTensor:
        current: SparseTensor = self.resample(voxels, coarsening)
        for block in self.blocks:
            current = block(current, level)
        return current


class _Up(nn.Module):
    """A transposed convolution that doubles the grid, the skip connection, then basic blocks."""

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        count: int,
        momentum: float,
        kernel_size: int,
        block_momentum: float,
    ) -> None:
        super().__init__()
        self.resample = ConvNorm(in_channels, out_channels, _STEP, nn.ReLU(), momentum)
        self.blocks = basic_blocks(out_channels + skip_channels, out_channels, count, kernel_size, block_momentum)

    def forward(
        self, voxels: SparseTensor, skip: Tensor, refining: ConvolutionRules, level: ConvolutionRules
    ) -> SparseTensor:
        current: SparseTensor = self.resample(voxels, refining)
        current = current.with_features(torch.cat([current.features, skip], 1))
        for block in self.blocks:
            current = block(current, level)
        return current
